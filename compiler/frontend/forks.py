"""The fork over the values of a number that depends on data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch


class Fork(BaseException):
    """An instruction needs a concrete value of the symbolic `number`: one state per value, and `error` for any other.

    With a `register`, that register gets the value, or what `found` has for it, and the instruction is executed again;
    without one, the register `dst` gets what `found` has for the value.
    """

    def __init__(
        self,
        number: torch.SymInt,
        values: Sequence[int],
        error: tuple[str, str],
        *,
        register: str | None = None,
        dst: str = "",
        found: Mapping[int, Any] | None = None,
    ) -> None:
        super().__init__(error[1])
        self.number = number
        self.values = values
        self.error = error
        self.register = register
        self.dst = dst
        self.found = found
