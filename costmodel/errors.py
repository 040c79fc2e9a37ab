"""What can be wrong with what the cost model is given."""

from __future__ import annotations

from adaptc.runtime.errors import AdaptcError


class MlirError(AdaptcError):
    """Text is not MLIR as programs print it."""

    def __init__(self, line: int, found: str, why: str) -> None:
        shown = found if len(found) <= 120 else f"{found[:117]}..."
        super().__init__(f"line {line} of the MLIR text cannot be read: {why}: {shown!r}")
        self.line = line


class CostModelError(AdaptcError):
    """A cost model, or the data that it is to be made of, cannot be used."""
