"""How much memory a call of a unit takes at its peak, as Linux counts the pages of the process."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from pathlib import Path
from typing import Any

from adaptc.costmodel.data.units import BuiltUnit
from adaptc.runtime.engines.base import EngineOptions
from adaptc.runtime.engines.onnxruntime import OnnxRuntimeEngine

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
LEAST = 1 << 20
"""Bytes below which the allocator's own doings drown what a call takes."""


def peak_bytes(unit: BuiltUnit) -> int | None:
    """The most bytes that were resident during a call above those before it; None below 1 MiB, and where the system
    does not tell.

    The call runs without arena and memory patterns, so that tensors are allocated when they are made and freed after
    their last use. What it counts: intermediate tensors, outputs, and the scratch memory of kernels.
    """
    if not _can_tell():
        return None
    import onnxruntime  # type: ignore[import-untyped]

    options = OnnxRuntimeEngine(EngineOptions()).session_options()
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    session = onnxruntime.InferenceSession(str(unit.model), options, providers=["CPUExecutionProvider"])
    run = getattr(session, "_sess", session).run
    names, feed = list(unit.outputs), dict(unit.inputs)
    run(names, feed, None)
    _libc().malloc_trim(0)
    _CLEAR.write_text("5")  # resets the peak: proc(5)
    before = _kilobytes("VmRSS")
    run(names, feed, None)
    most = (_kilobytes("VmHWM") - before) * 1024
    return most if most >= LEAST else None


@cache
def _can_tell() -> bool:
    if not sys.platform.startswith("linux") or not hasattr(_libc(), "malloc_trim"):
        return False
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


@cache
def _libc() -> Any:
    return ctypes.CDLL(None)


def _kilobytes(field: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise OSError(f"{_STATUS} has no {field}")
