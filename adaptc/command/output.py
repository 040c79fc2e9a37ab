"""What every subcommand shares: where it writes, how its errors look, and its exit codes.

Results go to stdout, progress and errors to stderr. With ``--json``, stdout carries one JSON object and nothing
else: what the user's own code prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adaptc.command.text import near_paths
from adaptc.runtime.errors import AdaptcError

OK, FAILED, INTERRUPTED = 0, 1, 130


@dataclass(frozen=True)
class Output:
    """The two streams of a subcommand, and whether it answers in JSON."""

    console: Console
    errors: Console
    json: bool

    def print(self, *parts: str | Text | Table) -> None:
        """Print for people; nothing with ``--json``. Strings are shown as they are, without markup."""
        if self.json:
            return
        for part in parts:
            if self.console.is_terminal:
                self.console.print(part, markup=False, highlight=False)
                continue
            with self.console.capture() as captured:
                self.console.print(part, markup=False, highlight=False)
            # Tables fill their last column with spaces, which a file has no use for.
            self.console.file.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))

    def raw(self, text: str) -> None:
        """Print text that a program will read (MLIR, Python), unwrapped."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def answer(self, result: dict[str, Any]) -> None:
        """The subcommand's result as JSON; nothing without ``--json``."""
        if self.json:
            self.console.file.write(json.dumps(_finite(result), indent=2, default=str) + "\n")


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinities: they become the strings "nan", "inf" and "-inf"."""
    match value:
        case dict():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def run_subcommand(body: Callable[[Output], int], *, as_json: bool, show_traceback: bool) -> NoReturn:
    """Run `body` and end the process with the code it returns, or with that of the error it raises.

    An error is one message on stderr, and with `as_json` an object with "ok", "error" and "problems" on stdout.
    """
    output = Output(Console(file=sys.stdout), Console(stderr=True), as_json)
    try:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            code = body(output)
        output.console.file.flush()
    except KeyboardInterrupt:
        output.errors.print("interrupted", style="red")
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of stdout has gone (`adaptc inspect ... | head`): there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except AdaptcError as error:
        code = _fail(output, str(error), error, show_traceback)
    except Exception as error:  # noqa: BLE001 - the last line of defence: one message instead of a traceback
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        hint = "" if show_traceback else " (--traceback shows the way there)"
        code = _fail(
            output, f"unexpected {text}, raised at {frame.filename}:{frame.lineno}{hint}", error, show_traceback
        )
    raise typer.Exit(code)


def _fail(output: Output, message: str, error: Exception, show_traceback: bool) -> int:
    if show_traceback:
        output.errors.print("".join(traceback.format_exception(error)), markup=False, highlight=False, soft_wrap=True)
    message = near_paths(message)
    output.errors.print(Text("error: ", style="bold red").append_text(_styled(message)), soft_wrap=True)
    problems = [vars(problem) for problem in getattr(error, "problems", [])]
    output.answer({"ok": False, "error": type(error).__name__, "message": message, "problems": problems})
    return FAILED


def _styled(message: str) -> Text:
    """The message of an error; of a problem's lines, the marks under the source are red."""
    text = Text()
    for line in message.splitlines(keepends=True):
        text.append(line, style="bold red" if line.strip(" ^~\n") == "" else "not bold default")
    return text
