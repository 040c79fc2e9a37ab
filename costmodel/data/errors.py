"""The errors of collecting and reading training data."""

from __future__ import annotations

from adaptc.runtime.errors import AdaptcError


class SpaceError(AdaptcError):
    """A family is unknown."""


class SampleError(AdaptcError):
    """A sample gives no unit to time; `reason` is a few words that samples of the same fault share."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TableError(AdaptcError):
    """A table of timed units cannot be read or written: says what is wrong with which file."""
