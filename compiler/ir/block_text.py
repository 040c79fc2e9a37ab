"""The code of one block alone as MLIR text."""

from __future__ import annotations

from dataclasses import replace

from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Block, Output, Param, Program
from adaptc.runtime.hostprogram import Ref, Return
from adaptc.runtime.tree import Leaf, TupleNode


def block_mlir(program: Program, block: Block) -> str:
    """The code of `block` as an MLIR function of its inputs, without locations. Names are numbers, so that equal code
    gives equal text."""
    code = block.code
    assert code is not None
    types = {param.name: param.type for param in block.params}
    names = list(dict.fromkeys(block.inputs))
    params = {name: Param(f"x{number}", types[name]) for number, name in enumerate(names)}
    weights = {name: f"w{number}" for number, name in enumerate(dict.fromkeys(block.weights))}
    outputs = [Output(f"y{number}", output.type) for number, output in enumerate(block.outputs)]
    returned = Return(
        tuple(Ref(output.name) for output in outputs),
        (),
        TupleNode(tuple(Leaf(number) for number in range(len(outputs)))),
    )
    alone = replace(
        block,
        name="unit",
        params=list(params.values()),
        inputs=[params[name].name for name in block.inputs],
        weights=[weights[name] for name in block.weights],
        outputs=outputs,
        steps=[],
        terminator=returned,
    )
    tensors = {new: program.weights[name] for name, new in weights.items()}
    return to_mlir(Program("unit", (), (), "unit", {"unit": alone}, tensors), locations=False)
