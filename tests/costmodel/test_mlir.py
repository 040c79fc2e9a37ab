"""The reader of MLIR text, beside xDSL's parser and on text that is none."""

from __future__ import annotations

import pytest
from torch import nn, rand, relu
from xdsl.context import Context
from xdsl.dialects.arith import Arith
from xdsl.dialects.builtin import Builtin
from xdsl.dialects.cf import Cf
from xdsl.dialects.func import Func
from xdsl.parser import Parser

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.costmodel.errors import MlirError
from adaptc.costmodel.mlir import Tensor, read_functions, tensor_type


class Steps(nn.Module):
    """Has a loop, a branch, a list, host arithmetic and strings with brackets in them."""

    def __init__(self):
        super().__init__()
        self.layer = nn.LSTMCell(4, 4)

    def forward(self, x):
        h, c = x, x
        for step in range(int(x.sum().clamp(1, 3))):
            h, c = self.layer(x * (step + 0.5), (h, c))
            if h.mean() > 10:
                raise ValueError('too large: "(%s", }')
        return relu(h) if c.sum() > 0 else h


@pytest.fixture(scope="module")
def text():
    program, _ = capture_program(Steps().eval(), (rand(1, 4),), name="steps", dynamic={})
    optimise(program)
    return to_mlir(program)


def test_it_finds_what_a_whole_parser_finds(text):
    context = Context(allow_unregistered=True)
    for dialect in (Builtin, Func, Cf, Arith):
        context.load_dialect(dialect)
    (function,) = Parser(context, text).parse_module().body.block.ops
    theirs = [
        [(op.attributes["op_name__"].data if "op_name__" in op.attributes else op.name) for op in block.ops]
        for block in function.body.blocks
    ]
    (ours,) = read_functions(text)
    assert [[op.name for op in block.operations] for block in ours.blocks] == theirs
    numbers = [[len(op.operands) for op in block.ops if "op_name__" in op.attributes] for block in function.body.blocks]
    generic = [
        [len(op.operands) for op in block.operations if op.name.startswith(("torch", "adaptc"))]
        for block in ours.blocks
    ]
    assert generic == numbers


def test_types_and_literals_are_read(text):
    (function,) = read_functions(text)
    operations = [operation for block in function.blocks for operation in block.operations]
    cell = next(operation for operation in operations if operation.name == "torch.aten.lstm_cell")
    assert [tensor_type(each) for each in cell.result_types] == [Tensor((1, 4), "f32")] * 2
    raising = next(operation for operation in operations if operation.name == "adaptc.raise")
    assert raising.literals["exception"] == "ValueError"
    assert tensor_type("!torch.vtensor<[?,3],si64>") == Tensor((None, 3), "si64")
    assert tensor_type("!torch.int") is None


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "no operation"),
        ("int main() { return 0; }", 1, "not MLIR"),
        ('%a = "torch.aten.relu"(%x', 1, "bracket"),
        ('"torch.aten.relu"(%x)', 1, "types"),
        ('"torch.aten.relu"(%x) : (!torch.int)', 1, "results"),
        ('"a.b"() : () -> ()\n%a = "torch.aten.relu"(%x) : () -> !torch.int', 2, "other numbers"),
        ("%a, %b", 1, "values stand"),
        ("func.func (%x: !torch.int) {", 1, "name and arguments"),
    ],
)
def test_what_is_no_mlir_is_refused_with_its_line(text, line, why):
    with pytest.raises(MlirError, match=why) as refusal:
        read_functions(text)
    assert refusal.value.line == line
