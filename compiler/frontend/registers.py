"""Reading operands and storing results of instructions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adaptc.compiler.frontend import instructions as code
from adaptc.compiler.frontend.state import Frame

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def operand(frame: Frame, given: code.Operand) -> Any:
    """The value of an operand. Raises UnboundLocalError."""
    if isinstance(given, code.Literal):
        return given.value
    try:
        return frame.registers[given]
    except KeyError:
        raise UnboundLocalError(
            f"cannot access local variable '{given}' where it is not associated with a value"
        ) from None


def store(machine: Machine, frame: Frame, dst: str, value: Any) -> None:
    """Put a result into a register and go on."""
    frame.registers[dst] = value
    machine.step(frame)
