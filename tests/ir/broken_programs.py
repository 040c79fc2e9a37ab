"""Valid programs with one rule of the IR broken, and what `verify` must say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import torch
from torch import fx

from adaptc.compiler.ir.program import Block, Code, Input, Output, Param, Program, TensorType
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Jump,
    Let,
    Read,
    Ref,
    Return,
    Size,
    Switch,
    ValueSpec,
)
from adaptc.runtime.manifest import Argument
from adaptc.runtime.tree import Leaf, TupleNode

from .builder import BOOL, edge, give, tensor
from .programs import Sample, early_exit, experts, growing, patience, rejects, skip_gates

Change = Callable[[Program], None]


def block_change(block: str, /, **fields: object) -> Change:
    """Set fields of a block."""

    def change(program: Program) -> None:
        for field, value in fields.items():
            setattr(program.blocks[block], field, value)

    return change


def own_code(program: Program, name: str) -> tuple[Block, Code]:
    """The block with a copy of its code that a test may edit."""
    block = program.blocks[name]
    assert block.code is not None
    graph = fx.Graph()
    result = graph.graph_copy(block.code.graph.graph, {})
    graph.output(result)
    block.code = replace(block.code, graph=fx.GraphModule(torch.nn.Module(), graph))
    return block, block.code


def node_of(code: Code, name: str) -> fx.Node:
    return next(node for node in code.graph.graph.nodes if node.name == name)


def switch_keys(*keys: int) -> Change:
    def change(program: Program) -> None:
        terminator = program.blocks["entry"].terminator
        assert isinstance(terminator, Switch)
        program.blocks["entry"].terminator = msgspec.structs.replace(terminator, keys=keys)

    return change


def unflat(code: Code) -> None:
    output = list(code.graph.graph.nodes)[-1]
    output.args = ([output.args[0]],)


def fetch_attribute(code: Code) -> None:
    graph = code.graph.graph
    with graph.inserting_before(node_of(code, "view")):
        graph.get_attr("table")


BROKEN: dict[str, tuple[Callable[[], Sample], Change, str]] = {
    # The program as a whole.
    "entry missing": (
        early_exit,
        lambda p: setattr(p, "entry", "start"),
        "the program: the entry block 'start' does not exist",
    ),
    "entry params": (
        early_exit,
        lambda p: setattr(p, "inputs", (Input("image", tensor(1, 3, 9, 9)),)),
        "the entry's parameters ('image': float32[1, 3, 8, 8]) are not the inputs ('image': float32[1, 3, 9",
    ),
    "arguments": (
        early_exit,
        lambda p: setattr(p, "arguments", (Argument("image", "positional", TupleNode((Leaf(0), Leaf(0)))),)),
        "the arguments carry the inputs [0, 0]; they must carry each of 0..0 once",
    ),
    "block under another name": (
        early_exit,
        block_change("leave", name="quit"),
        "block 'quit' stands in the table as 'leave'",
    ),
    "unreachable": (
        early_exit,
        block_change("entry", terminator=Jump(edge("leave", "logits"))),
        "block 'deeper' (model.py:14): no path from the entry reaches this block",
    ),
    "edge to the entry": (
        skip_gates,
        block_change("skip0", terminator=Jump(edge("entry", "x"))),
        "block 'skip0' (model.py:24): an edge leads back to the entry block 'entry'",
    ),
    # Names.
    "defined twice": (
        early_exit,
        lambda p: p.blocks["entry"].steps.append(Let("features", Const(1))),
        "block 'entry' (model.py:10): the name 'features' is defined 2 times",
    ),
    "live-in from another block": (
        early_exit,
        block_change("leave", terminator=give(("logits", tensor(1, 5)), line=13)),
        "block 'leave' (model.py:13): output 0: 'logits' is read but not defined in the block",
    ),
    "read before its step": (
        rejects,
        lambda p: p.blocks["end"].steps.insert(0, Let("early", Ref("percent"), "model.py:53")),
        "block 'end' (model.py:53): step 'early': 'percent' is read but not defined in the block",
    ),
    "code input is no parameter": (
        early_exit,
        block_change("deeper", inputs=["images"]),
        "the code's input 'images' is no parameter of the block",
    ),
    # Edges.
    "edge to nowhere": (
        early_exit,
        block_change("entry", terminator=Jump(edge("nowhere", "logits"))),
        "an edge leads to 'nowhere', which does not exist",
    ),
    "argument count": (
        early_exit,
        block_change("entry", terminator=Branch(Ref("confident"), edge("leave"), edge("deeper", "features"))),
        "the edge to 'leave' passes 0 values for 1 parameters",
    ),
    "argument shape": (
        early_exit,
        block_change(
            "entry",
            terminator=Branch(Ref("confident"), edge("leave", "features"), edge("deeper", "features")),
        ),
        "the edge to 'leave' passes float32[1, 4, 8, 8] for its parameter 'result', which is float32[1, 5]",
    ),
    "argument kind": (
        growing,
        block_change("entry", terminator=Jump(edge("header", "x", Const(0.0)))),
        "the edge to 'header' passes float for its parameter 'index', which is int",
    ),
    "symbol for a number": (
        growing,
        lambda p: p.blocks["end"].params.__setitem__(0, Param("rows", tensor(3, 4))),
        "the edge to 'end' passes float32[rows, 4] for its parameter 'rows', which is float32[3, 4]",
    ),
    # Tests.
    "test is a tensor": (
        early_exit,
        block_change(
            "entry",
            terminator=Branch(Ref("is_confident"), edge("leave", "logits"), edge("deeper", "features"), "model.py:12"),
        ),
        "block 'entry' (model.py:12): the test: 'is_confident' is a tensor, bool[], where a host scalar is",
    ),
    "switch keys": (
        experts,
        switch_keys(0, 0),
        "the switch has 2 keys for 3 edges",
    ),
    "switch repeats a key": (
        experts,
        switch_keys(0, 1, 0),
        "the switch repeats a key: (0, 1, 0)",
    ),
    "unknown function": (
        rejects,
        block_change("end", steps=[Let("percent", Apply("cbrt", (Ref("level"),)))]),
        "step 'percent': 'cbrt' is no host function",
    ),
    "operand count": (
        rejects,
        block_change("end", steps=[Let("percent", Apply("mul", (Ref("level"),)))]),
        "step 'percent': 'mul' takes 2 operands, not 1",
    ),
    # Steps.
    "read of several elements": (
        early_exit,
        block_change("entry", steps=[Read("confident", "logits", "float", "model.py:12")]),
        "a read takes a tensor of one element; 'logits' is float32[1, 5]",
    ),
    "read of another kind": (
        early_exit,
        block_change("entry", steps=[Read("confident", "is_confident", "int", "model.py:12")]),
        "'is_confident' is bool[], whose element is no int",
    ),
    "read of a scalar": (
        rejects,
        lambda p: p.blocks["end"].steps.append(Read("again", "level", "float")),
        "step 'again': 'level' is read as a tensor but is float",
    ),
    "size of a scalar": (
        rejects,
        lambda p: p.blocks["end"].steps.append(Let("n", Size("level", 0))),
        "step 'n': size of 'level', which is no tensor but float",
    ),
    "size of no dimension": (
        rejects,
        lambda p: p.blocks["end"].steps.append(Let("n", Size("y", 2))),
        "step 'n': size 2 of 'y', which is float32[batch, 4]",
    ),
    "literal": (
        rejects,
        lambda p: p.blocks["end"].steps.append(Let("n", Const("text"))),
        "step 'n': the literal 'text' is no bool, int or float",
    ),
    # Returns.
    "spec count": (
        early_exit,
        block_change("leave", terminator=Return((Ref("result"),), (), Leaf(0))),
        "the return has 1 outputs and 0 specs",
    ),
    "spec": (
        early_exit,
        block_change("leave", terminator=Return((Ref("result"),), (ValueSpec("float64", (1, 5)),), Leaf(0))),
        "output 0 is float32[1, 5]; its spec says float64[1, 5]",
    ),
    "spec of a scalar": (
        patience,
        block_change(
            "leave",
            terminator=Return(
                (Ref("logits"), Ref("count")),
                (ValueSpec("float32", (1, 3)), ValueSpec("float")),
                TupleNode((Leaf(0), Leaf(1))),
            ),
        ),
        "output 1 is int; its spec says float",
    ),
    "tree": (
        early_exit,
        block_change("leave", terminator=Return((Ref("result"),), (ValueSpec("float32", (1, 5)),), Leaf(1))),
        "the return's tree names output 1; there are 1",
    ),
    # Code and what the block binds to it.
    "no code": (
        early_exit,
        block_change("deeper", code=None, terminator=give(("features", tensor(1, 4, 8, 8)))),
        "a block without code has inputs, weights or outputs",
    ),
    "weight count": (
        early_exit,
        block_change("deeper", weights=["last.weight"]),
        "the block has 1 weights for code 'head', which has 2",
    ),
    "weight missing": (
        early_exit,
        lambda p: p.weights.pop("last.bias"),
        "the weight 'last.bias' is not in the parameter table",
    ),
    "weight shape": (
        early_exit,
        lambda p: p.weights.__setitem__("last.bias", torch.zeros(6)),
        "weight 'last.bias' is float32[6]; code 'head' takes float32[5]",
    ),
    "input shape": (
        early_exit,
        lambda p: p.blocks["deeper"].params.__setitem__(0, Param("features", tensor(1, "c", 8, 8))),
        "input 'features' is float32[1, c, 8, 8]; code 'head' takes float32[1, 4, 8, 8]",
    ),
    "scalar for a tensor": (
        growing,
        lambda p: p.blocks["body"].params.__setitem__(1, Param("index", BOOL)),
        "input 'index' is bool; code 'grow' takes int",
    ),
    "output type": (
        early_exit,
        block_change("deeper", outputs=[Output("final", TensorType(torch.float64, (1, 5)))]),
        "output 'final' is float32[1, 5] and is declared float64[1, 5]",
    ),
    "two codes of one name": (
        experts,
        lambda p: setattr(p.blocks["expert1"], "code", replace(p.blocks["expert1"].code)),
        "two different codes are called 'expert'",
    ),
    "placeholders": (
        early_exit,
        lambda p: setattr(own_code(p, "deeper")[1], "weights", (tensor(5, 256),)),
        "code 'head' has 3 placeholders for 1 inputs and 1 weights",
    ),
    "placeholder type": (
        early_exit,
        lambda p: setattr(own_code(p, "deeper")[1], "inputs", (tensor(1, "c", 8, 8),)),
        "is float32[1, 4, 8, 8] and is declared float32[1, c, 8, 8]",
    ),
    "result count": (
        early_exit,
        lambda p: setattr(own_code(p, "deeper")[1], "outputs", ()),
        "code 'head' returns 1 tensors and declares 0",
    ),
    "result type": (
        early_exit,
        lambda p: setattr(own_code(p, "deeper")[1], "outputs", (tensor(1, 6),)),
        "code 'head': output 'linear' is float32[1, 5] and is declared float32[1, 6]",
    ),
    "weight of unknown size": (
        early_exit,
        lambda p: setattr(own_code(p, "deeper")[1], "weights", (tensor("n", 256), tensor(5))),
        "code 'head' declares a weight of unknown size: float32[n, 256]",
    ),
    "node without a value": (
        early_exit,
        lambda p: node_of(own_code(p, "deeper")[1], "view").meta.pop("val"),
        "code 'head': node 'view' (aten.view.default) lacks meta['val']",
    ),
    "node without a location": (
        early_exit,
        lambda p: node_of(own_code(p, "deeper")[1], "view").meta.pop("loc"),
        "code 'head': node 'view' (aten.view.default) lacks meta['loc']",
    ),
    "operator that changes its arguments": (
        early_exit,
        lambda p: setattr(node_of(own_code(p, "deeper")[1], "linear"), "target", torch.ops.aten.add_.Tensor),
        "calls aten.add_.Tensor, which changes its arguments; code must be functional",
    ),
    "operator that computes nothing": (
        early_exit,
        lambda p: setattr(node_of(own_code(p, "deeper")[1], "linear"), "target", torch.ops.aten._assert_async.default),
        "calls aten._assert_async.default, which computes nothing",
    ),
    "no operator": (
        early_exit,
        lambda p: setattr(node_of(own_code(p, "deeper")[1], "linear"), "target", torch.nn.functional.linear),
        "which is no ATen operator",
    ),
    "result that is no flat tuple": (
        early_exit,
        lambda p: unflat(own_code(p, "deeper")[1]),
        "code 'head' must return a flat tuple of tensors, not [(linear,)]",
    ),
    "node of another kind": (
        early_exit,
        lambda p: fetch_attribute(own_code(p, "deeper")[1]),
        "node 'table' is a get_attr; only ATen calls may stand here",
    ),
}
