"""Whose code a frame runs: the user's, a library's, or adaptc's own."""

from __future__ import annotations

import os
import sysconfig
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, TracebackType

import torch


@cache
def _library_roots() -> tuple[str, ...]:
    stdlib = sysconfig.get_paths()["stdlib"] + os.sep
    return str(Path(torch.__file__).parent) + os.sep, stdlib


def is_library_file(filename: str) -> bool:
    """Whether a file belongs to torch, to the standard library, or is no file (``<frozen ...>``)."""
    torch_root, stdlib = _library_roots()
    if filename.startswith((torch_root, "<frozen")):
        return True
    return filename.startswith(stdlib) and "site-packages" not in filename


def is_library_frame(frame: FrameType) -> bool:
    """Whether a frame runs torch's or the standard library's code."""
    return is_library_file(frame.f_code.co_filename)


# Modules that run below native code, and so between it and the machine on the stack.
_INNER = {
    f"adaptc.compiler.frontend.{name}"
    for name in (
        "recorder",
        "fakes",
        "assembling",
        "indexing",
        "rewrites",
        "masks",
        "modules",
        "operators",
        "written",
        "parts",
        "memory",
        "symbols",
        "sources",
        "transforms",
        "guards",
        "slices",
        "drawing",
        "legacy",
        "known_sizes",
        "arrays",
        "data",
        "distinct",
    )
} | {"adaptc.compiler.randomness"}


OPERATORS = "adaptc.compiler.onnx_input"
"""The package of functions that networks read from ONNX call: they run natively, as torch's own do."""


def is_machine_frame(frame: FrameType) -> bool:
    """Whether a frame belongs to the machine that interprets functions (and calls native code)."""
    name = frame.f_globals.get("__name__", "")
    return name.startswith("adaptc.compiler.frontend") and name not in _INNER


def user_location(frame: FrameType | None) -> tuple[str, int] | None:
    """File and line of the innermost frame of user code from `frame` outwards, None where the machine comes first."""
    while frame is not None:
        if is_machine_frame(frame):
            return None
        name = frame.f_globals.get("__name__", "")
        if name not in _INNER and not name.startswith(OPERATORS) and not is_library_file(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def codes_of(traceback: TracebackType | None) -> list[CodeType]:
    """The functions on a traceback below the recorder, outermost first, that can be interpreted."""
    frames = []
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    return [frame.f_code for frame in frames if _interpretable(frame)]


def codes_of_frames(frame: FrameType | None) -> list[CodeType]:
    """The functions between the machine and `frame`, outermost first, that can be interpreted."""
    codes: list[CodeType] = []
    while frame is not None and not is_machine_frame(frame):
        if _interpretable(frame):
            codes.append(frame.f_code)
        frame = frame.f_back
    return codes[::-1]


_PLUMBING = {
    "_wrapped_call_impl",
    "_call_impl",
    "__torch_function__",
    "handle_torch_function",
    "<listcomp>",
    "<setcomp>",
    "<dictcomp>",
}


def _interpretable(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__", "")
    plumbing = name == "torch" or name.startswith(
        ("adaptc.compiler", "torch._", "torch.fx", "torch.overrides", "torch.utils._")
    )
    return (
        (not plumbing or name == "torch.utils._contextlib")  # decorators such as no_grad are followed
        and frame.f_code.co_name not in _PLUMBING
        and frame.f_code.co_filename != "<string>"
    )
