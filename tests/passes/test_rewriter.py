"""The rewriter's own contract: counting, stamping, refusing, and code variants."""

from __future__ import annotations

import pytest
import torch
from torch import fx

from adaptc.compiler.ir.copying import copy_program
from adaptc.compiler.ir.program import Code
from adaptc.compiler.ir.verify import verify
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.specialise import Request, specialise
from adaptc.runtime.hostprogram import Branch, Const, Ref

from ..ir.builder import edge, make_code, tensor
from ..ir.programs import early_exit, skip_gates
from .cases import PAIR, code


def test_what_changes_nothing_does_not_count() -> None:
    program = early_exit().program
    before = copy_program(program)
    rw = Rewriter(program, "test")
    entry = program.blocks["entry"]
    rw.set_terminator("entry", entry.terminator)
    rw.set_steps("entry", list(entry.steps))
    rw.substitute("entry", {"nothing": Const(1)})
    rw.drop_params("leave", {"nothing"})
    rw.remove_unreachable()
    rw.drop_unused_weights()
    assert rw.counts == {}
    assert program == before


def test_true_and_one_are_a_change() -> None:
    program = early_exit().program
    rw = Rewriter(program, "test")
    arms = edge("leave", "logits"), edge("deeper", "features")
    rw.set_terminator("entry", Branch(Const(True), *arms))
    rw.set_terminator("entry", Branch(Const(1), *arms))
    assert rw.counts == {"terminators replaced": 2}


def test_predecessors() -> None:
    rw = Rewriter(skip_gates(2).program, "test")
    assert rw.predecessors() == {
        "entry": [],
        "layer0": ["entry"],
        "skip0": ["entry"],
        "gate1": ["layer0", "skip0"],
        "layer1": ["gate1"],
        "skip1": ["gate1"],
        "end": ["layer1", "skip1"],
    }


def test_new_nodes_are_stamped() -> None:
    program = early_exit().program
    block = program.blocks["deeper"]
    assert block.code is not None
    graph = fx.Graph()
    result = graph.graph_copy(block.code.graph.graph, {})
    (old,) = result
    with graph.inserting_after(old):
        new = graph.call_function(torch.ops.aten.relu.default, (old,))
    new.meta["val"] = old.meta["val"]
    graph.output((new,))
    made = Code(
        "head.relu", fx.GraphModule(torch.nn.Module(), graph), block.code.inputs, block.code.weights, block.code.outputs
    )
    Rewriter(program, "add-relu").set_code("deeper", made, block.inputs, block.weights, block.outputs)
    verify(program)
    assert (new.meta["loc"], new.meta["pass"]) == ("model.py:14", "add-relu")
    assert "pass" not in old.meta


def test_weights_are_added_once() -> None:
    program = early_exit().program
    rw = Rewriter(program, "test")
    bias = program.weights["exit.bias"]
    assert rw.add_weight("same", bias.clone()) == "exit.bias"
    assert rw.add_weight("exit.bias", bias + 1) == "exit.bias.1"
    assert rw.add_weight("other", (bias + 1).clone()) == "exit.bias.1"
    assert rw.add_weight("double", bias.double()) == "double"
    assert rw.add_weight("nan", torch.tensor([float("nan")])) == rw.add_weight("again", torch.tensor([float("nan")]))
    assert rw.add_weight("zero", torch.tensor([0.0])) != rw.add_weight("minus", torch.tensor([-0.0]))
    assert rw.add_weight("scalar", torch.tensor(2)) == rw.add_weight("scalar", torch.tensor(2))
    given = torch.ones(2)
    name = rw.add_weight("kept", given)
    given.zero_()
    assert program.weights[name].tolist() == [1.0, 1.0]


def test_refusals() -> None:
    program = early_exit().program
    rw = Rewriter(program, "test")
    with pytest.raises(ValueError, match="block 'leave' has no code to specialise"):
        rw.specialise("leave", Request(()))
    block = rw.copy_block("leave")
    block.name = "other"
    with pytest.raises(ValueError, match="there is no block 'other' to replace"):
        rw.replace_block(block)
    with pytest.raises(TypeError, match="by its name"):
        rw.substitute("entry", {"is_confident": Const(True)})


def run(made: Code, *args: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return made.graph(*args)  # type: ignore[no-any-return]


def test_variants_compute_what_the_original_does() -> None:
    program = early_exit().program
    two = code("two")  # x + v, y * w
    x, y, v, w = (torch.randn(2) for _ in range(4))
    first = specialise(program, two, Request((0,)))
    assert (first.inputs, first.weights, first.code.inputs, first.code.weights) == ((0,), (0,), (PAIR,), (PAIR,))
    assert torch.equal(run(first.code, x, v)[0], x + v)
    fixed = specialise(program, two, Request((1, 0), fixed_inputs=(1,)))
    assert (fixed.inputs, fixed.weights, fixed.fixed_inputs) == ((0,), (0, 1), (1,))
    found = run(fixed.code, x, v, w, y)
    assert torch.equal(found[0], y * w)
    assert torch.equal(found[1], x + v)
    constant = specialise(program, two, Request((0, 1), constants=(0,)))
    assert (constant.inputs, constant.weights, constant.constants) == ((1,), (1,), (0,))
    found = run(constant.code, y, w, v)
    assert torch.equal(found[0], v)
    assert torch.equal(found[1], y * w)
    names = [made.code.name for made in (first, fixed, constant)]
    assert names == ["two.out_0", "two.out_1_0.fixed_1", "two.constant_0"]
    assert [node.op for node in two.graph.graph.nodes].count("placeholder") == 4, "the original is as it was"


def test_a_variants_name_gives_way() -> None:
    program = early_exit().program
    other = make_code("two.out_0", lambda x: (x,), [tensor(1)])
    program.blocks["leave"].code = other
    assert specialise(program, code("two"), Request((0,))).code.name == "two.out_0.1"


def test_substitution_reaches_code_inputs_only_by_parameters() -> None:
    program = skip_gates(1).program
    block = program.blocks["layer0"]
    block.params.append(type(block.params[0])("z", block.params[0].type))
    rw = Rewriter(program, "test")
    rw.substitute("layer0", {"x": Ref("z")})
    assert block.inputs == ["z"]
    rw.substitute("layer0", {"z": Ref("y")})
    assert block.inputs == ["z"], "an output of the code is no input of it"
