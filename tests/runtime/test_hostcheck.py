"""Host programs that are not well formed are refused before anything is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from adaptc.runtime import ArtifactError
from adaptc.runtime.artifact import open_artifact
from adaptc.runtime.hostcheck import check
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Call,
    Const,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Jump,
    Let,
    Read,
    Ref,
    Return,
    Size,
    Switch,
    ValueSpec,
)
from adaptc.runtime.kinds import ScalarKind, TensorKind
from adaptc.runtime.manifest import Manifest
from adaptc.runtime.tree import DictNode, Leaf, NamedTupleNode, RecordNode, Static

from .build import early_exit

END = Return((Ref("x"),), (ValueSpec("float32", ("batch", 4)),), Leaf(0))
STEM = Call("stem", (Ref("x"),), ("h", "sure", "c"))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return open_artifact(early_exit(tmp_path_factory.mktemp("check") / "artifact")).manifest


def one_block(*steps: Any, terminator: Any = END) -> HostProgram:
    return HostProgram("a", (HostBlock("a", ("x",), steps, terminator),))


def let(expr: Expr) -> HostProgram:
    return one_block(Let("n", expr))


def deep(count: int) -> Expr:
    expr: Expr = Const(1)
    for _ in range(count):
        expr = Apply("neg", (expr,))
    return expr


def output(**changes: Any) -> Any:
    return msgspec.structs.replace(END, **changes)


BAD: dict[str, tuple[HostProgram, str]] = {
    "no entry": (HostProgram("z", ()), "the entry 'z' is not a block"),
    "block twice": (HostProgram("a", (HostBlock("a", ("x",), (), END),) * 2), "two blocks have the same name"),
    "entry's arity": (
        HostProgram("a", (HostBlock("a", (), (), END),)),
        "the entry takes 0 values, the signature has 1 tensors",
    ),
    "unknown target": (one_block(terminator=Jump(Edge("z"))), "an edge leads to 'z', which is not a block"),
    "edge's arity": (one_block(terminator=Jump(Edge("a"))), "an edge passes 0 values to 'a', which takes 1"),
    "unknown unit": (one_block(Call("z", (), ())), "unit 'z' is not in manifest.json"),
    "unit's inputs": (
        one_block(Call("stem", (), ("h", "s", "c"))),
        r"'stem' is called with 0 -> 3 values, but has 1 -> 3",
    ),
    "unit's outputs": (one_block(Call("stem", (Ref("x"),), ("h",))), r"'stem' is called with 1 -> 1 values"),
    "value unknown": (let(Ref("z")), r"'z' is read before it is defined \(block 'a'\)"),
    "value defined later": (one_block(Read("r", "sure", "bool"), STEM), "'sure' is read before it is defined"),
    "value of another block": (
        HostProgram("a", (HostBlock("a", ("x",), (STEM,), Jump(Edge("b"))), HostBlock("b", (), (), END))),
        r"'x' is read before it is defined \(block 'b'\)",
    ),
    "value twice": (one_block(STEM, Let("h", Const(1))), "'h' is defined twice"),
    "parameter twice": (HostProgram("a", (HostBlock("a", ("x", "x"), (), END),)), "takes 2 values"),
    "function": (let(Apply("__import__", (Const("os"),))), "the function '__import__' is unknown"),
    "function's arity": (let(Apply("add", (Const(1),))), "'add' takes 2 arguments, not 1"),
    "constant": (let(Const("infinity", "float")), "'infinity' stands where a float is expected"),
    "no constant": (let(Const(None, "float")), "None stands where a float is expected"),
    "too deep": (let(deep(70)), "an expression nests more than 60 deep"),
    "dimension": (let(Size("x", 2)), "dimension 2 of 'x' is read, which has 2"),
    "negative dimension": (let(Size("x", -1)), "a size names dimension -1"),
    "size of a scalar": (
        one_block(Let("n", Const(1)), Let("m", Size("n", 0))),
        "a size of 'n' is taken, which is a host",
    ),
    "tensor as scalar": (let(Ref("x")), "'x' stands where a host scalar is needed"),
    "tensor in arithmetic": (let(Apply("add", (Ref("x"), Const(1)))), "'x' is computed with, but is a tensor"),
    "tensor as test": (
        one_block(terminator=Branch(Ref("x"), Edge("a", (Ref("x"),)), Edge("a", (Ref("x"),)))),
        "'x' stands",
    ),
    "scalar into a unit": (one_block(Call("stem", (Const(1),), ("h", "s", "c"))), "a host scalar goes to input 'x' of"),
    "other dtype into a unit": (
        one_block(STEM, Call("head", (Ref("sure"),), ("l",))),
        "a bool tensor goes to input 'h'",
    ),
    "read of a scalar": (
        one_block(Let("n", Const(1)), Read("r", "n", "int")),
        "'n' is read as a tensor, but is a host",
    ),
    "read of rows": (one_block(Read("r", "x", "float")), r"'x' is read as a scalar, but its shape is \[batch, 4\]"),
    "read twice": (
        HostProgram(
            "a",
            (
                HostBlock("a", ("x",), (STEM, Read("r", "sure", "bool")), Jump(Edge("b", (Ref("sure"),)))),
                HostBlock("b", ("y",), (Read("r", "y", "bool"),), output(outputs=(Ref("y"),))),
            ),
        ),
        "two reads have the same name",
    ),
    "tensor and scalar": (
        HostProgram(
            "a",
            (
                HostBlock("a", ("x",), (STEM,), Branch(Const(True), Edge("b", (Ref("x"),)), Edge("b", (Const(1),)))),
                HostBlock("b", ("y",), (), output(outputs=(Ref("y"),))),
            ),
        ),
        "parameter 'y' of block 'b' is a tensor on one edge and a host scalar on another",
    ),
    "switch's keys": (
        one_block(terminator=Switch(Const(1), (1,), (), Edge("a", (Ref("x"),)))),
        "the keys of a switch do not match its edges",
    ),
    "switch's key twice": (
        one_block(terminator=Switch(Const(1), (1, 1), (Edge("a", (Ref("x"),)),) * 2, Edge("a", (Ref("x"),)))),
        "the keys of a switch do not match its edges",
    ),
    "specs": (one_block(terminator=output(specs=())), "a return has 1 outputs and 0 specs"),
    "tree": (one_block(terminator=output(tree=Leaf(1))), "the output of block 'a' names value 1 of 1"),
    "record's name": (one_block(terminator=output(tree=RecordNode("a b", (), ()))), "'a b', which is no identifier"),
    "field's name": (
        one_block(terminator=output(tree=RecordNode("A", ("class",), (Leaf(0),)))),
        "'class', which is no",
    ),
    "fields": (one_block(terminator=output(tree=NamedTupleNode("A", ("f",), ()))), "fields and items do not match"),
    "private field": (one_block(terminator=output(tree=NamedTupleNode("A", ("_f",), (Leaf(0),)))), "begins with _"),
    "keys": (one_block(terminator=output(tree=DictNode(("k", "k"), (Static(1),) * 2))), "keys and items do not match"),
    "scalar output as tensor": (
        one_block(terminator=output(outputs=(Const(1),))),
        "an output is a tensor where the other says host scalar",
    ),
    "tensor output as scalar": (
        one_block(terminator=output(specs=(ValueSpec("int"),))),
        "an output is a tensor where the other says host scalar",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_program(manifest: Manifest, bad: str) -> None:
    program, message = BAD[bad]
    with pytest.raises(ArtifactError, match=message):
        check(program, manifest)


def test_wide_tensor_is_not_read(tmp_path: Path) -> None:
    artifact = open_artifact(early_exit(tmp_path / "artifact"))
    spec = msgspec.structs.replace(artifact.manifest.signature.inputs[0], shape=(2, 4))
    signature = msgspec.structs.replace(artifact.manifest.signature, inputs=(spec,))
    manifest = msgspec.structs.replace(artifact.manifest, signature=signature)
    with pytest.raises(ArtifactError, match=r"'x' is read as a scalar, but its shape is \[2, 4\]"):
        check(one_block(Read("r", "x", "int")), manifest)


def test_kinds_of_a_good_program(tmp_path: Path) -> None:
    kinds = open_artifact(early_exit(tmp_path / "artifact")).kinds
    assert kinds["entry"]["sure"] == TensorKind("bool", (1,))
    assert kinds["exit"] == {
        "h": TensorKind("float32", ("batch", 8)),
        "number": ScalarKind(),
        "confidence": ScalarKind("float"),
        "logits": TensorKind("float32", ("batch", 3)),
    }
