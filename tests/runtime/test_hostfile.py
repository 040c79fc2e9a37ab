"""``host.py``: it runs without adaptc, and nothing of an artifact becomes code in it or in the loaded host."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from adaptc.runtime import EngineError, NetworkError, load
from adaptc.runtime.artifact import open_artifact
from adaptc.runtime.hostfile import host_file
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Call,
    Const,
    Edge,
    HostBlock,
    HostProgram,
    Let,
    Raise,
    Read,
    Ref,
    Return,
    ValueSpec,
)
from adaptc.runtime.manifest import Argument, TensorSpec
from adaptc.runtime.tree import DictNode, Leaf, ListNode, NamedTupleNode, RecordNode, Static, TupleNode

from .build import ArtifactBuilder, early_exit, early_exit_reference

RUN = """
import json, sys
sys.modules["adaptc"] = None
import numpy as np
import host
run = host.load(sys.argv[1])
for scale in (1.0, 0.01):
    output = run(np.full((2, 4), scale, np.float32))
    print(json.dumps([output["logits"].tolist(), *output["exit"]]))
print("adaptc.runtime" in sys.modules)
"""


def test_copied_out_it_runs_alone(tmp_path: Path) -> None:
    folder = early_exit(tmp_path / "artifact")
    (tmp_path / "alone").mkdir()
    for name in ("units/stem.onnx", "units/head.onnx", "units/layer.onnx", "units/weights.bin", "host.py"):
        (tmp_path / "alone" / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / name, tmp_path / "alone" / name)
    command = [sys.executable, "-c", RUN, str(tmp_path / "alone")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path / "alone", check=False)
    assert done.stderr == ""
    *outputs, imported = done.stdout.splitlines()
    assert imported == "False"
    for scale, line in zip((1.0, 0.01), outputs, strict=True):
        logits, number, confidence = json.loads(line)
        expected = early_exit_reference(np.full((2, 4), scale, np.float32))
        np.testing.assert_allclose(logits, expected[0], rtol=1e-5)
        assert (number, confidence) == (expected[1], pytest.approx(expected[2]))


def test_it_reads_well(tmp_path: Path) -> None:
    text = (early_exit(tmp_path / "artifact") / "host.py").read_text()
    assert text.endswith(
        """\
    # early-exit(x: float32[batch, 4]) -> {'logits': float32[batch, 3], 'exit': (int, float)}
    def run(x):
        # entry
        h, sure, c = run_stem(x)  # net.py:10
        sure_2 = sure.item()  # net.py:12
        confidence = c.item()  # net.py:13
        if sure_2:  # net.py:12
            number = 0
        else:
            # more
            (h,) = run_layer(h)
            number = 1
        # exit
        (logits,) = run_head(h)
        return {'logits': logits, 'exit': (number, confidence)}  # net.py:16

    return run
"""
    )


HOSTILE = [
    "__import__('os').system('touch pwned')",
    "'); __import__('pathlib').Path('pwned').touch(); ('",
    '"""\n__import__("pathlib").Path("pwned").touch()\n"""',
    "\n__import__('pathlib').Path('pwned').touch()\n",
    "\r__import__('pathlib').Path('pwned').touch()  #",
    "\u2028import os\\\n' \" {x} %s",
    "x\0y",
    "class",
    "",
    "np",
    "run_u",
    "é ∞",
]


def hostile_artifact(folder: Path, text: str) -> Path:
    """Every string of the host program that may be any string is `text`."""
    name = [f"{text}{i}" for i in range(8)]
    builder = ArtifactBuilder(text)
    builder.unit("u", "(float[n] x) => (float[n] y, bool b) {y = Neg(x) zero = Constant<value = float {0}>()"
                      " m = ReduceMax<keepdims: int = 0>(x) b = Greater(m, zero)}", loc=text)  # fmt: skip
    tree = DictNode((text, "k"), (Leaf(0), TupleNode((Static(text), Leaf(1), Leaf(2)))))
    entry = HostBlock(
        name[0],
        (name[1],),
        (
            Call("u", (Ref(name[1]),), (name[2], name[3])),
            Read(name[4], name[3], "bool", text),
            Let(name[5], Apply("add", (Const(1), Const(2))), text),
        ),
        Branch(Ref(name[4]), Edge(name[6], (Ref(name[2]), Ref(name[5]))), Edge(name[7]), text),
    )
    specs = (ValueSpec("float32", ("n",)), ValueSpec("int"), ValueSpec("bool"))
    equal = Apply("eq", (Const(text), Const("other")))
    done = HostBlock(name[6], (name[0], text), (), Return((Ref(name[0]), Ref(text), equal), specs, tree, text))
    failed = HostBlock(name[7], (), (), Raise(text, text, text))
    arguments = [Argument(text, "positional", DictNode((text,), (Leaf(0),)))]
    program = HostProgram(name[0], (entry, done, failed))
    return builder.write(folder, program, [TensorSpec(text, "float32", ("n",))], arguments)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_string_becomes_code(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = hostile_artifact(tmp_path / "artifact", text)
    executable = load(folder)
    x = np.array([1, 2], np.float32)
    output = executable({text: x})
    np.testing.assert_array_equal(output[text], -x)
    assert output["k"] == (text, 3, False)
    with pytest.raises(NetworkError) as raised:
        executable.trace({text: -x})
    assert (raised.value.exception, raised.value.message, raised.value.loc) == (text, text, text)
    source = (folder / "host.py").read_text()
    namespace: dict[str, Any] = {"__file__": str(folder / "host.py"), "__name__": "host"}
    exec(compile(source, "host.py", "exec"), namespace)
    run = namespace["load"](folder)
    np.testing.assert_array_equal(run({text: x})[text], -x)
    assert run({text: x})["k"] == (text, 3, False)
    with pytest.raises(namespace["NetworkError"]) as alone:
        run({text: -x})
    assert alone.value.args == (text, text, text)
    assert not (tmp_path / "pwned").exists()
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert calls <= {"open_unit", "Path", "str", "dict", "zip", "NetworkError", "run_u", "run_u_2"}


def test_nested_arguments_and_results(tmp_path: Path) -> None:
    tree = TupleNode(
        (
            NamedTupleNode("Pair", ("a", "b"), (Leaf(0), Leaf(1))),
            RecordNode("State", ("h", "aux"), (Leaf(1), Static(None))),
            ListNode((Static(1.5), Leaf(2))),
        )
    )
    specs = (ValueSpec("float32", ("n",)), ValueSpec("float32", ("n",)), ValueSpec("float"))
    arguments = [
        Argument("items[0]", "positional_only", Leaf(0)),
        Argument("mode", "positional", Static("fast")),
        Argument(
            "state", "keyword", RecordNode("S", ("h", "rest"), (Leaf(2), DictNode((1,), (ListNode((Leaf(1),)),))))
        ),
    ]
    inputs = [TensorSpec(name, "float32", ("n",)) for name in ("items.0", "rest", "h")]
    end = Return((Ref("a"), Ref("c"), Const("-inf", "float")), specs, tree)
    program = HostProgram("b", (HostBlock("b", ("a", "b", "c"), (), end),))
    folder = ArtifactBuilder().write(tmp_path / "artifact", program, inputs, arguments)
    namespace: dict[str, Any] = {"__file__": str(folder / "host.py"), "__name__": "host"}
    exec((folder / "host.py").read_text(), namespace)
    a, b, c = (np.full(2, i, np.float32) for i in range(3))

    class S:
        h, rest = c, {1: [b]}

    for run in (namespace["load"](folder), load(folder)):
        pair, state, rest = run(a, state=S())
        assert type(pair).__name__ == "Pair"
        assert (pair.a is a, pair.b is c, state.h is c, state.aux, rest) == (
            True,
            True,
            True,
            None,
            [1.5, float("-inf")],
        )


def test_nonfinite_and_negative_constants(tmp_path: Path) -> None:
    exprs = [
        Const("inf", "float"),
        Const("-inf", "float"),
        Const("nan", "float"),
        Const(3, "float"),
        Apply("pow", (Const(-2), Const(2))),
        Apply("neg", (Const(-2),)),
        Apply("sub", (Const(-0.0), Const("-inf", "float"))),
        Apply("select", (Apply("lt", (Const(2), Const(1))), Apply("floordiv", (Const(1), Const(0))), Const(1e300))),
        Apply("and", (Const(0), Apply("floordiv", (Const(1), Const(0))))),
        Apply("not", (Apply("or", (Const(False), Const(True))),)),
        Const(2**62),
        Apply("max", (Apply("round", (Const(2.5),)), Apply("trunc", (Const(-1.5),)))),
    ]
    tree = ListNode(tuple(Leaf(i) for i in range(len(exprs))))
    end = Return(tuple(exprs), (ValueSpec("float"),) * len(exprs), tree)
    program = HostProgram("b", (HostBlock("b", ("x",), (), end),))
    folder = ArtifactBuilder().write(tmp_path / "a", program, [TensorSpec("x", "float32", ())])
    found = load(folder)(1.0)
    expected = [float("inf"), float("-inf"), float("nan"), 3.0, 4, 2, float("inf"), 1e300, 0, False, 2**62, 2]
    assert [repr(value) for value in found] == [repr(value) for value in expected]


def test_units_of_another_engine(tmp_path: Path) -> None:
    artifact = open_artifact(early_exit(tmp_path / "a"))
    units = tuple(msgspec.structs.replace(unit, engine="tvm") for unit in artifact.manifest.units)
    with pytest.raises(EngineError, match=r"host\.py cannot be written: unit 'stem' is for tvm"):
        host_file(artifact.host, msgspec.structs.replace(artifact.manifest, units=units))
