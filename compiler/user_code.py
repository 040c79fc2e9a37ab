"""Running a user's Python file: its imports, and its errors as one sentence that names the user's own line."""

from __future__ import annotations

import hashlib
import importlib.util
import linecache
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from adaptc.compiler.errors import ModelFileError

_T = TypeVar("_T")
_OWNER = "__adaptc_model_folder__"


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Put `folder` first on sys.path. Modules that an earlier model file brought in are imported afresh.

    Two model files may both stand beside a `net.py`, and a file may have changed since: a module left in
    sys.modules by another load would silently be the wrong one.
    """
    for name, module in list(sys.modules.items()):
        if getattr(module, _OWNER, None) is not None:
            del sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if _stands_in(folder, name):
                setattr(sys.modules[name], _OWNER, str(folder))


def _stands_in(folder: Path, name: str) -> bool:
    top = name.partition(".")[0]
    file = getattr(sys.modules.get(top), "__file__", None)
    if top == "adaptc" or not file:
        return False
    return Path(file).resolve() in (folder / f"{top}.py", folder / top / "__init__.py")


def execute(file: Path) -> ModuleType:
    """Run `file` as a module. Raises `ModelFileError` with the line at which it fails."""
    # A name of its own: two files called model.py can then be loaded in one process.
    name = f"{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ModelFileError(f"{file} cannot be imported as a Python module")
    module = importlib.util.module_from_spec(spec)
    setattr(module, _OWNER, str(file.parent))
    linecache.checkcache(str(file))
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    loader = spec.loader
    try:
        call(lambda: loader.exec_module(module), file, "does not import")
    except ModelFileError:
        del sys.modules[name]
        raise
    return module


def call(function: Callable[[], _T], file: Path, what: str) -> _T:
    """Call the user's code. What it raises becomes a `ModelFileError`: "`file` `what`: file:line: exception"."""
    try:
        return function()
    except SystemExit as error:
        raise ModelFileError(
            f"{file} {what}: {user_line(error, file)}: it ends the process (SystemExit); put code that is not part of "
            f'the model under `if __name__ == "__main__":`'
        ) from error
    except SyntaxError as error:
        place = f"{error.filename or file}:{error.lineno or 1}"
        raise ModelFileError(f"{file} {what}: {place}: {type(error).__name__}: {error.msg}") from error
    except Exception as error:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ModelFileError(f"{file} {what}: {user_line(error, file)}: {text}") from error


def user_line(error: BaseException, file: Path) -> str:
    """The innermost "file:line" of the traceback that lies in the folder of `file`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(file.parent)]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else str(file)
