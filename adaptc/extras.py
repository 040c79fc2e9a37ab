"""The optional parts of adaptc, and what is said where one is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from adaptc.runtime.errors import AdaptcError

_COMPILER = frozenset(["torch", "onnx", "onnx_ir", "onnxscript", "networkx", "xdsl"])
_COSTMODEL = frozenset(["pyarrow", "scipy", "lightgbm"])
_RAY = frozenset(["ray"])
_COMMAND = frozenset(["typer", "rich", "PIL"])


class MissingExtraError(AdaptcError):
    """A package that this use needs is not installed; says which extra brings it."""


@contextmanager
def needs_compiler() -> Iterator[None]:
    """Around imports of the compiler: a missing package becomes a `MissingExtraError`."""
    with _needs(_COMPILER, "compiling", "compile"):
        yield


@contextmanager
def needs_command() -> Iterator[None]:
    """Around imports of what only the command uses: a missing package becomes a `MissingExtraError`."""
    with _needs(_COMMAND, "the adaptc command", "cli"):
        yield


@contextmanager
def needs_costmodel() -> Iterator[None]:
    """Around what collects data or trains on it: a missing package becomes a `MissingExtraError`."""
    with _needs(_COSTMODEL, "the cost model's data", "costmodel"), _needs(_RAY, "a Ray cluster", "ray"):
        yield


@contextmanager
def _needs(packages: frozenset[str], what: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in packages:
            raise
        raise MissingExtraError(
            f'{what} needs {missing}, which is not installed: pip install "adaptc[{extra}]"'
        ) from error
