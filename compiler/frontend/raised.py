"""Exceptions: whether the network raises them itself, where, and with which text."""

from __future__ import annotations

import dis
import functools
import re
from types import TracebackType
from typing import TYPE_CHECKING

from adaptc.compiler.errors import Problem
from adaptc.compiler.frontend.sources import is_library_file

if TYPE_CHECKING:
    from adaptc.compiler.frontend.machine import Machine


def origin_problem(machine: Machine, error: BaseException) -> Problem | None:
    """The problem that an exception stands for, None where the network raises it itself or handles it."""
    if error is machine.raised or (isinstance(error, (AttributeError, TypeError)) and "NoneType" in str(error)):
        return None  # None stands for nothing else here: eager PyTorch raises it too
    if error is machine.recorder.failed:
        file, line = user_place(error) or machine.location()
        text = str(error).splitlines()[0]
        machine.note(f"{file}:{line}: raised on a way through the network, as in eager: {type(error).__name__}: {text}")
        return None
    if isinstance(error, UnboundLocalError):
        return None  # eager PyTorch has not set the variable on this way either
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    filename = traceback.tb_frame.f_code.co_filename if traceback is not None else ""
    handled = any(frame.code.handlers[frame.pc] is not None for frame in machine.state.frames)
    module = "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")
    own = module.startswith("adaptc.") and not module.startswith("adaptc.compiler.frontend.lower.natives")
    # torch's rules for sizes that vary may fail where eager PyTorch computes
    doubtful = error is machine.recorder.doubtful or (own and isinstance(error, TypeError))
    if handled and not doubtful:
        return None
    if not own and not doubtful and not is_library_file(filename) and _is_raise(traceback):
        return None
    text = str(error).splitlines()[0].replace("FakeTensor", "Tensor") if str(error) else "no message"
    place = user_place(error)
    make = machine.problem if place is None else functools.partial(Problem, *place)
    return make(
        f"{type(error).__name__}: {text}",
        "it was raised while the path to this line was captured; eager PyTorch may raise it too when it comes here",
        "run the network in eager mode along this path; if it works there, write this line with other torch functions",
    )


def _is_raise(traceback: TracebackType | None) -> bool:
    """Whether the innermost frame of a traceback stands at a ``raise`` or ``assert`` of its own."""
    if traceback is None:
        return False
    code = traceback.tb_frame.f_code
    instruction = next((i for i in dis.get_instructions(code) if i.offset == traceback.tb_lasti), None)
    return instruction is not None and instruction.opname in {"RAISE_VARARGS", "RERAISE"}


def user_place(error: BaseException) -> tuple[str, int] | None:
    """File and line of the innermost frame of native user code on an exception's traceback."""
    traceback, found = error.__traceback__, None
    while traceback is not None:
        name = traceback.tb_frame.f_globals.get("__name__", "")
        filename = traceback.tb_frame.f_code.co_filename
        if not name.startswith("adaptc.compiler") and not is_library_file(filename):
            found = filename, traceback.tb_lineno
        traceback = traceback.tb_next
    return found


def raised_at(machine: Machine, error: BaseException) -> str:
    """The user's file:line at which an exception was raised."""
    place = user_place(error)
    return machine.raised_loc if place is None else "{}:{}".format(*place)


def message_of(error: BaseException) -> str:
    """The text of an exception, as eager PyTorch has it."""
    text = ", ".join(arg if isinstance(arg, str) else type(arg).__name__ for arg in error.args)
    return _STAND_INS.sub(lambda match: _STAND_IN_NAMES[match[0]], text)


_STAND_IN_NAMES = {"FakeTensor": "Tensor", "SymInt": "int", "SymFloat": "float", "SymBool": "bool"}
_STAND_INS = re.compile("|".join(_STAND_IN_NAMES))
