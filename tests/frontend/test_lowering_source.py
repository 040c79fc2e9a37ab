"""Finding the source of a code object, and refusing one that is not what runs."""

from __future__ import annotations

import functools
import importlib.util
import linecache
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.lower import Lowerer, SourceUnavailable

from .concrete_machine import Machine

LINES = """\
class C:
    def method(self):
        return "method"

    @property
    def value(self): return "property"

def wrap(f):
    return f

@wrap
@wrap
def decorated(): return "decorated"

pair = (lambda: "first", lambda: "second", lambda: (lambda: "inner"))
inner = pair[2]()
same = [lambda x=(lambda: "default")(): x for _ in range(2)]
generators = [(x for x in "a"), (y for y in (z for z in "b"))]
spread = (
    lambda: [
        "spread",
    ][0], lambda: "beside"
)
ünïcödé = ("é", lambda: "ö" + "ü", lambda: "later")
"""


def register(text: str, filename: str = "<registered>") -> dict[str, Any]:
    """Run a text whose source linecache knows."""
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    namespace: dict[str, Any] = {"__name__": "registered"}
    exec(compile(text, filename, "exec"), namespace)
    return namespace


def codes(code: CodeType) -> Iterator[CodeType]:
    """All code objects inside `code`."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from codes(constant)


def call(function: Callable[..., Any]) -> Any:
    """Run the lowered function."""
    return Machine(Lowerer().lower, {function.__code__.co_filename}).call(function)  # type: ignore[attr-defined,arg-type]


def test_functions_that_share_a_line_are_told_apart() -> None:
    names = register(LINES)
    assert call(names["decorated"]) == "decorated"
    assert [call(f) for f in names["pair"][:2]] == ["first", "second"]
    assert call(names["inner"]) == "inner"
    assert [call(f) for f in names["spread"]] == ["spread", "beside"]
    assert [call(f) for f in names["ünïcödé"][1:]] == ["öü", "later"]
    assert names["same"][0].__code__ in [Lowerer().lower(f.__code__).code for f in names["same"]]
    generator = names["generators"][1]
    (loop,) = [i for i in Lowerer().lower(generator.gi_code).instructions if isinstance(i, ins.Next)]
    assert loop.dst == "y"


def test_columns_are_characters() -> None:
    names = register(LINES)
    first, second = (Lowerer().lower(f.__code__).instructions for f in names["ünïcödé"][1:])
    assert first[0].span == ins.Span(24, 24, 24, 33)
    assert LINES.splitlines()[23][24:33] == '"ö" + "ü"'
    assert LINES.splitlines()[23][second[0].span.column : second[0].span.end_column] == '"later"'


def test_the_wrapped_function_of_a_decorator_is_not_mistaken_for_the_wrapper() -> None:
    def decorate(f: Callable[[], Any]) -> Callable[[], Any]:
        @functools.wraps(f)
        def wrapper() -> Any:
            return ("wrapped", f())

        return wrapper

    @decorate
    def function() -> Any:
        return 1

    assert call(function) == ("wrapped", 1)


def test_a_function_of_a_test_whose_asserts_pytest_rewrote() -> None:
    def function() -> Any:
        assert len("ab") == 2, "message"
        return [lambda: 1, lambda: 2][1]()

    assert any(name.startswith("@py") for name in function.__code__.co_names + function.__code__.co_varnames)
    assert call(function) == 2


def test_future_flags_of_the_code_are_used() -> None:
    names = register("from __future__ import annotations\ndef f(x: no_such_name = 1): return x\n")
    assert call(names["f"]) == 1


def module_from(path: Path) -> Any:
    """Import a file under its own name."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_file_that_changed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "network.py"
    path.write_text("def f(x):\n    return x + 1\n")
    function = module_from(path).f
    linecache.getlines(str(path))
    assert call(lambda: 1) == 1
    path.write_text("def f(x):\n    return x + 2\n")
    linecache.checkcache(str(path))
    with pytest.raises(SourceUnavailable, match=r"f \(.*network.py:1\) is not what runs: the file changed"):
        Lowerer().lower(function.__code__)
    path.write_text("def f(x:\n")
    with pytest.raises(SourceUnavailable, match="is not what runs"):
        Lowerer().lower(function.__code__)


def test_a_file_that_was_imported_again_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "network.py"
    path.write_text("def f():\n    return 1\n")
    lowerer = Lowerer()
    lowerer.lower(module_from(path).f.__code__)
    path.write_text("# a line more, and another size\ndef f():\n    return 2\n")
    os.utime(path, (1, 1))
    function = module_from(path).f
    assert Machine(lowerer.lower, {str(path)}).call(function) == 2


def test_no_source() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def f(): return 1", "<nowhere>", "exec"), namespace)
    with pytest.raises(SourceUnavailable, match=r"the source of f \(<nowhere>:1\) is not available"):
        Lowerer().lower(namespace["f"].__code__)


def run_python(folder: Path, network: str, main: str, *options: str) -> str:
    """What ``main`` prints; ``show(function)`` gives the names of a function's instructions, or the refusal."""
    (folder / "network.py").write_text(network)
    (folder / "main.py").write_text(
        "import network\n"
        "from adaptc.compiler.frontend.lower import Lowerer, SourceUnavailable\n"
        "def show(function):\n"
        "    try:\n"
        "        return [type(i).__name__ for i in Lowerer().lower(function.__code__).instructions]\n"
        "    except SourceUnavailable as error:\n"
        "        return str(error)\n" + main
    )
    command = [sys.executable, *options, "main.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_without_column_positions_functions_that_share_a_line_are_refused(tmp_path: Path) -> None:
    network = "def one(): return 1\ntwo = (lambda x: x), (lambda x: None), (lambda x: -x)\n"
    main = "print(show(network.one), show(network.two[1]), show(network.two[0]))"
    found = run_python(tmp_path, network, main, "-X", "no_debug_ranges")
    assert found.startswith("['Return'] ['Return'] the source of <lambda> (")
    assert "cannot be told from others on its line" in found


@pytest.mark.parametrize(("options", "expected"), [([], "['Test', 'Raise', 'Return']"), (["-O"], "['Return']")])
def test_asserts_are_left_out_where_python_leaves_them_out(tmp_path: Path, options: list[str], expected: str) -> None:
    found = run_python(tmp_path, "def f(x):\n    assert x\n", "print(show(network.f))", *options)
    assert found.strip() == expected
