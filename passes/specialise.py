"""Makes variants of tensor code: fewer outputs, inputs turned into weights, outputs replaced by weights.

Code is shared between blocks, so it is never changed in place. A variant's name spells how it was derived;
asking for the same variant again, for another block or by a later pass, finds the one that is there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import fx

from adaptc.compiler.ir.host_types import SCALAR_DTYPES
from adaptc.compiler.ir.program import Code, Program, ScalarType, TensorType, Type

_ORIGIN = "adaptc_variant_of"


@dataclass(frozen=True)
class Request:
    """Which variant of a code: outputs to keep, inputs that become weights, outputs that are constant.

    All are indices into the code's own lists; `constants` is a subset of `outputs`.
    """

    outputs: tuple[int, ...]
    fixed_inputs: tuple[int, ...] = ()
    constants: tuple[int, ...] = ()


@dataclass(frozen=True)
class Variant:
    """A code with what it takes from the original: indices of the inputs and weights that it still needs.

    The weights of `code` are the original's `weights`, then tensors for `fixed_inputs`, then for `constants`.
    """

    code: Code
    inputs: tuple[int, ...]
    weights: tuple[int, ...]
    fixed_inputs: tuple[int, ...]
    constants: tuple[int, ...]


def result_nodes(code: Code) -> tuple[fx.Node, ...]:
    """The nodes that compute the outputs of `code`, in order."""
    output = next(iter(reversed(code.graph.graph.nodes)))
    results = output.args[0]
    assert isinstance(results, tuple)
    return tuple(node for node in results if isinstance(node, fx.Node))


def placeholder_nodes(code: Code) -> tuple[fx.Node, ...]:
    """The placeholders of `code`: inputs, then weights."""
    return tuple(node for node in code.graph.graph.nodes if node.op == "placeholder")


def sources(nodes: Iterable[fx.Node]) -> set[fx.Node]:
    """The nodes that `nodes` are computed from, themselves included."""
    seen: set[fx.Node] = set()
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += node.all_input_nodes
    return seen


def needed_inputs(code: Code, outputs: Iterable[int]) -> set[int]:
    """The indices of the inputs that the given outputs depend on."""
    results = result_nodes(code)
    needed = sources(results[index] for index in outputs)
    return {index for index, node in enumerate(placeholder_nodes(code)[: len(code.inputs)]) if node in needed}


def specialise(program: Program, code: Code, request: Request) -> Variant:
    """The variant of `code` that `request` asks for, the one in `program` if a block has it already."""
    results = result_nodes(code)
    computed = [index for index in request.outputs if index not in request.constants]
    needed = sources(results[index] for index in computed)
    holders = placeholder_nodes(code)
    inputs = [index for index in range(len(code.inputs)) if holders[index] in needed]
    fixed = tuple(index for index in inputs if index in request.fixed_inputs)
    free = tuple(index for index in inputs if index not in request.fixed_inputs)
    offset = len(code.inputs)
    weights = tuple(index for index in range(len(code.weights)) if holders[offset + index] in needed)
    origin = (code.name, request)
    made = next((known for known in _codes(program) if known.graph.meta.get(_ORIGIN) == origin), None)
    if made is None:
        kept = [*free, *(offset + index for index in weights), *fixed]
        made = _build(code, request, kept, needed)
        made.name = _unique_name(program, code, request)
        made.graph.meta[_ORIGIN] = origin
    return Variant(made, free, weights, fixed, request.constants)


def _build(code: Code, request: Request, kept: list[int], needed: set[fx.Node]) -> Code:
    """A new code whose placeholders are those at the indices `kept`, then one for each constant."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    holders, results = placeholder_nodes(code), result_nodes(code)
    for index in kept:
        copies[holders[index]] = graph.node_copy(holders[index])
    constants: dict[int, fx.Node] = {}
    for index in request.constants:
        constants[index] = graph.placeholder(f"constant_{index}")
        constants[index].meta = dict(results[index].meta)
    for node in code.graph.graph.nodes:
        if node.op == "call_function" and node in needed:
            copies[node] = graph.node_copy(node, lambda used: copies[used])
    outputs = [constants[i] if i in constants else copies[results[i]] for i in request.outputs]
    graph.output(tuple(outputs))
    declared = (*code.inputs, *code.weights)
    count = sum(index < len(code.inputs) and index not in request.fixed_inputs for index in kept)
    weights = [_as_weight(declared[index]) for index in kept[count:]]
    weights += [code.outputs[index] for index in request.constants]
    return Code(
        name=code.name,
        graph=fx.GraphModule(torch.nn.Module(), graph),
        inputs=tuple(declared[index] for index in kept[:count]),
        weights=tuple(weights),
        outputs=tuple(code.outputs[index] for index in request.outputs),
    )


def _as_weight(type_: Type) -> TensorType:
    return TensorType(SCALAR_DTYPES[type_.kind], ()) if isinstance(type_, ScalarType) else type_


def _codes(program: Program) -> Iterable[Code]:
    return {id(block.code): block.code for block in program.blocks.values() if block.code is not None}.values()


def _unique_name(program: Program, code: Code, request: Request) -> str:
    parts = [code.name]
    if request.outputs != tuple(range(len(code.outputs))):
        parts.append("_".join(["out", *map(str, request.outputs)]))
    if request.fixed_inputs:
        parts.append("_".join(["fixed", *map(str, request.fixed_inputs)]))
    if request.constants:
        parts.append("_".join(["constant", *map(str, request.constants)]))
    base = name = ".".join(parts)
    taken = {known.name for known in _codes(program)}
    number = 1
    while name in taken:
        name = f"{base}.{number}"
        number += 1
    return name
