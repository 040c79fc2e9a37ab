"""Engines: what runs units. `open_engine` finds one by the name that stands in the manifest."""

from __future__ import annotations

from adaptc.runtime.engines.base import Engine, EngineOptions, UnitCall, Units
from adaptc.runtime.errors import EngineError

ENGINES = ("onnxruntime",)
"""The names of the engines."""

__all__ = ["ENGINES", "Engine", "EngineOptions", "UnitCall", "Units", "open_engine"]


def open_engine(name: str, options: EngineOptions) -> Engine:
    """The engine called `name`. Raises `EngineError` if it is unknown or its package is not installed."""
    match name:
        case "onnxruntime":
            from adaptc.runtime.engines.onnxruntime import OnnxRuntimeEngine

            return OnnxRuntimeEngine(options)
        case _:
            raise EngineError(f"there is no engine {name!r}; the engines are {', '.join(ENGINES)}")
