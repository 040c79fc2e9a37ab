"""Runs compiled networks: loads artifacts, synthesizes their hosts, calls an engine. Needs numpy and the engine.

Names are imported when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adaptc.runtime.errors import (
        AdaptcError,
        ArtifactError,
        EngineError,
        InputError,
        LoopError,
        NetworkError,
        SessionError,
    )
    from adaptc.runtime.executable import Executable, load
    from adaptc.runtime.session import Session
    from adaptc.runtime.trace import SampleResult, Trace

__all__ = [
    "AdaptcError",
    "ArtifactError",
    "EngineError",
    "Executable",
    "InputError",
    "LoopError",
    "NetworkError",
    "SampleResult",
    "Session",
    "SessionError",
    "Trace",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("load", "Executable"):
        from adaptc.runtime import executable as module
    elif name == "Session":
        from adaptc.runtime import session as module  # type: ignore[no-redef]
    elif name in ("Trace", "SampleResult"):
        from adaptc.runtime import trace as module  # type: ignore[no-redef]
    else:
        from adaptc.runtime import errors as module  # type: ignore[no-redef]
    return getattr(module, name)
