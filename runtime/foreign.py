"""Takes arrays from what callers hold: NumPy arrays and scalars, DLPack tensors, Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from adaptc.runtime.errors import InputError
from adaptc.runtime.manifest import TensorSpec

HOST_DEVICES = (1, 3, 11)
"""DLPack's numbers of the devices whose memory the processor reads: CPU, pinned CUDA and ROCm host memory."""


def is_plain(array: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> bool:
    """Whether `array` is an ndarray, no subclass, in native byte order."""
    return type(array) is np.ndarray and array.dtype == dtype


def as_array(value: Any, spec: TensorSpec, dtype: np.dtype[Any], path: str) -> np.ndarray[Any, Any]:
    """`value` as an array over the same memory where it has memory; a Python number becomes `dtype`.

    Raises `InputError` naming `path` for anything else, and for tensors that NumPy cannot look at.
    """
    if isinstance(value, np.ndarray):
        if hasattr(value, "mask"):
            raise InputError(f"argument {path!r} is a masked array, whose mask would be lost; fill it first")
        return value
    if isinstance(value, np.generic):
        return np.asarray(value)
    if isinstance(value, bool | int | float):
        return _from_number(value, spec, dtype, path)
    if hasattr(value, "__dlpack__"):
        return _from_dlpack(value, path)
    raise InputError(
        f"argument {path!r} is a {type(value).__name__}, expected {spec.dtype}"
        f"[{', '.join(map(str, spec.shape))}] as a NumPy array or a DLPack tensor"
    )


def _from_number(value: bool | int | float, spec: TensorSpec, dtype: np.dtype[Any], path: str) -> np.ndarray[Any, Any]:
    """A number becomes a 0-d array as in NumPy's rules for Python numbers: an int fits a float, not the reverse."""
    if spec.shape != ():
        raise InputError(
            f"argument {path!r} is the number {value!r}, expected {spec.dtype}[{', '.join(map(str, spec.shape))}]"
        )
    fits = {"b": bool, "i": int, "u": int, "f": int | float, "c": int | float}[dtype.kind]
    if not isinstance(value, fits) or (isinstance(value, bool) and dtype.kind != "b"):
        raise InputError(f"argument {path!r} is the {type(value).__name__} {value!r}, expected {spec.dtype}")
    try:
        return np.array(value, dtype)
    except OverflowError as error:
        raise InputError(f"argument {path!r} is {value!r}, which {spec.dtype} does not hold") from error


def _from_dlpack(value: Any, path: str) -> np.ndarray[Any, Any]:
    kind = type(value).__name__
    if getattr(value, "requires_grad", False):
        raise InputError(f"argument {path!r} is a {kind} that requires grad; pass its .detach()")
    if value.__dlpack_device__()[0] not in HOST_DEVICES:
        raise InputError(f"argument {path!r} is a {kind} on a device; pass its .cpu()")
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        if "bfloat16" in str(getattr(value, "dtype", "")):
            raise InputError(f"argument {path!r} is bfloat16, which NumPy does not have; pass it as float32") from error
        raise InputError(f"argument {path!r} is a {kind} that NumPy cannot read: {error}") from error
