"""A network's results as flat, named values for tables and files."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from adaptc.compiler.input_specs import Array


def leaves(value: object, name: str = "") -> list[tuple[str, object]]:
    """The arrays and plain values in `value` by dotted name ("logits", "states.0.h"); "output" for a bare one."""
    items: list[tuple[object, object]]
    if isinstance(value, Mapping):
        items = list(value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        items = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        items = list(zip(value._fields, value))
    elif isinstance(value, tuple | list):
        items = list(enumerate(value))
    else:
        return [(name or "output", value)]
    return [leaf for key, item in items for leaf in leaves(item, f"{name}.{key}" if name else str(key))]


def shape_text(value: object) -> str:
    """ "float32[1,10]" of an array, "int" of a number."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}[{','.join(map(str, value.shape))}]"
    return type(value).__name__


def values_text(value: object, limit: int = 5) -> str:
    """The first values of an array, or the number itself."""
    if not isinstance(value, np.ndarray):
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    shown = [f"{item:.4g}" if value.dtype.kind == "f" else str(item) for item in value.reshape(-1)[:limit].tolist()]
    return ", ".join(shown) + (", ..." if value.size > limit else "")


def argmax_text(value: object, limit: int = 8) -> str:
    """The index of the largest value of each row, where an array looks like scores: floats, [N] or [rows,N]."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim not in (1, 2):
        return ""
    if value.size == 0 or value.shape[-1] < 2:
        return ""
    best = np.atleast_1d(value.argmax(-1))
    return ", ".join(map(str, best[:limit].tolist())) + (", ..." if best.size > limit else "")


def as_json(value: object) -> Any:
    """A leaf as JSON: arrays with their dtype, shape and values, other values as they are."""
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.tolist()}
    return value


def as_arrays(named: list[tuple[str, object]]) -> dict[str, Array]:
    """The leaves as arrays, for a .npz file; None is left out."""
    return {name: np.asarray(value) for name, value in named if value is not None}
