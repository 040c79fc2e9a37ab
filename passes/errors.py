"""The errors of the pass engine."""

from __future__ import annotations

from adaptc.runtime.errors import AdaptcError


class PassError(AdaptcError):
    """A pass is unknown, is given a wrong option, fails, or leaves a program that breaks the IR's rules."""
