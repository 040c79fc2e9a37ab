"""Puts codes together and takes them apart: one code for two that follow each other, two for one.

Code is shared between blocks and never edited; what is made here is new, and equal requests give the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch
from torch import fx

from adaptc.compiler.ir.program import Code, Dim, Program, TensorType, Type
from adaptc.passes.fakes import NotComposable, Relocation, dims, extents, is_static, symbol_names, transplant
from adaptc.passes.specialise import placeholder_nodes, result_nodes, sources

_MADE = "adaptc_made_of"
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Result:
    """Where an input of the second code comes from: output `index` of the first."""

    index: int


@dataclass(frozen=True)
class Given:
    """Where an input of the second code comes from: input `index` of both together, the first's own before new ones."""

    index: int


Wiring = tuple[Result | Given, ...]
"""For each input of a second code where it comes from."""


@dataclass(frozen=True)
class Parts:
    """One code as two, which take its inputs and weights of these indices. `late`, which computes its outputs
    `late_outputs`, takes the outputs `passed` of `early` after its inputs; None where it computes none.

    `results` has the other outputs of the code: their indices, and which output of `early` each is.
    """

    early: Code
    late: Code | None
    early_inputs: tuple[int, ...]
    early_weights: tuple[int, ...]
    late_inputs: tuple[int, ...]
    late_weights: tuple[int, ...]
    late_outputs: tuple[int, ...]
    passed: tuple[int, ...]
    results: Mapping[int, int]


def compose(program: Program, first: Code, second: Code, wiring: Wiring) -> Code:
    """Code that computes `first`, then `second` on its results: its outputs and weights are those of both, in order.

    Raises NotComposable where the sizes of the two do not show that they always fit.
    """
    made: dict[object, Code] = first.graph.meta.setdefault(_MADE, {})
    key = (id(second.graph), wiring)
    known = made.get(key)
    if known is None:
        known = made[key] = _compose(first, second, wiring)
        known.name = unique_code_name(program, f"{first.name}.then.{second.name}", f"{_stem(first.name)}.chain")
        known.graph.meta["adaptc_kept"] = second  # an id is that of one object only while the object lives
    return _under_own_name(program, known)


def split(program: Program, code: Code, early: Iterable[fx.Node]) -> Parts:
    """`code` with the calls `early`, and whatever they are computed from, as code of its own.

    Raises NotComposable where something else than tensors of known sizes would pass from one part to the other.
    """
    first = {node for node in sources(early) if node.op == "call_function"}
    results = result_nodes(code)
    rest = [node for node in _calls(code) if node not in first]
    passed = [
        node for node in _calls(code) if node in first and (node in results or not first.issuperset(_users(node)))
    ]
    unknown = next((node for node in passed if not _is_known_tensor(node)), None)
    if unknown is not None:
        raise NotComposable(f"'{unknown.name}', which the rest takes, is no tensor of known size")
    made: dict[object, tuple[Code, Code | None]] = code.graph.meta.setdefault(_MADE, {})
    key = frozenset(first)
    used = [node for node in passed if any(user in rest for user in node.users)]
    outputs = tuple(index for index, node in enumerate(results) if node not in first)
    holders = placeholder_nodes(code)
    early_holders = [node for node in holders if any(user in first for user in node.users)]
    late_holders = [node for node in holders if any(u in rest for u in node.users) or node in results]
    if key not in made:
        early_code = _part(code, early_holders, [], [node for node in _calls(code) if node in first], passed)
        early_code.name = unique_code_name(program, f"{code.name}.early", f"{_stem(code.name)}.early")
        late_code = None
        if outputs:
            late_code = _part(code, late_holders, used, rest, [results[index] for index in outputs])
            late_code.name = unique_code_name(program, f"{code.name}.late", f"{_stem(code.name)}.late")
        made[key] = (early_code, late_code)
    early_code, late = made[key]
    own = [holders.index(node) for node in early_holders]
    others = [holders.index(node) for node in late_holders] if outputs else []
    n = len(code.inputs)
    return Parts(
        _under_own_name(program, early_code),
        None if late is None else _under_own_name(program, late),
        tuple(index for index in own if index < n),
        tuple(index - n for index in own if index >= n),
        tuple(index for index in others if index < n),
        tuple(index - n for index in others if index >= n),
        outputs,
        tuple(passed.index(node) for node in used) if outputs else (),
        {index: passed.index(node) for index, node in enumerate(results) if node in first},
    )


def unique_code_name(program: Program, name: str, short: str) -> str:
    """`name`, or `short` where that is long, with a number where another code of `program` has it."""
    base = unique = name if len(name) <= _LONGEST_NAME else short
    taken = {block.code.name for block in program.blocks.values() if block.code is not None}
    number = 1
    while unique in taken:
        unique, number = f"{base}.{number}", number + 1
    return unique


def _compose(first: Code, second: Code, wiring: Wiring) -> Code:
    inputs = [*first.inputs, *_new_inputs(first, second, wiring)]
    graph = fx.Graph()
    holders, others = placeholder_nodes(first), placeholder_nodes(second)
    early: dict[fx.Node, fx.Node] = {}
    late: dict[fx.Node, fx.Node] = {}  # of its own: a code can follow itself
    given = [_copied(graph, node, early) for node in holders[: len(first.inputs)]]
    for index in range(len(first.inputs), len(inputs)):
        given.append(_copied(graph, others[wiring.index(Given(index))], late))
    for node in holders[len(first.inputs) :]:
        _copied(graph, node, early)
    for node in others[len(second.inputs) :]:
        _copied(graph, node, late)
    _copy_calls(graph, first, early)
    results = result_nodes(first)
    for node, source in zip(others, wiring):
        from_first = isinstance(source, Result)
        late[node] = _dense(graph, early[results[source.index]]) if from_first else given[source.index]
        if from_first:
            early[late[node]] = late[node]  # the copy in memory belongs to what comes before
    _copy_calls(graph, second, late)
    graph.output((*[early[node] for node in results], *[late[node] for node in result_nodes(second)]))
    names: Mapping[sympy.Symbol, str] = {}
    if is_static(first.graph.graph) and is_static(second.graph.graph):
        transplant(graph)
    else:
        names = _relocate(first, second, inputs, wiring, early, late)
    results = next(iter(reversed(graph.nodes))).args[0]
    outputs = tuple(TensorType(node.meta["val"].dtype, dims(node.meta["val"], names)) for node in results)
    module = fx.GraphModule(torch.nn.Module(), graph)
    return Code("", module, tuple(inputs), (*first.weights, *second.weights), outputs)


def _relocate(
    first: Code,
    second: Code,
    inputs: Sequence[Type],
    wiring: Wiring,
    early: Mapping[fx.Node, fx.Node],
    late: Mapping[fx.Node, fx.Node],
) -> dict[sympy.Symbol, str]:
    """Bring the values of both codes, whose nodes have their copies in `early` and `late`, into one mode."""
    relocation = Relocation()

    def arriving(type_: Type) -> list[sympy.Expr]:
        return [relocation.size(dim) for dim in type_.shape] if isinstance(type_, TensorType) else []

    own = placeholder_nodes(first)[: len(first.inputs)]
    sizes = relocation.sizes_of([node.meta["val"] for node in own], [arriving(type_) for type_ in first.inputs])
    relocation.move(list(dict.fromkeys(early.values())), sizes)
    shapes: list[list[sympy.Expr]] = []
    for source in wiring:
        if isinstance(source, Given):
            shapes.append(arriving(inputs[source.index]))
        else:
            shapes.append(extents(early[result_nodes(first)[source.index]].meta["val"]))
    others = placeholder_nodes(second)[: len(second.inputs)]
    sizes = relocation.sizes_of([node.meta["val"] for node in others], shapes)
    before = set(early.values())
    relocation.move([node for node in dict.fromkeys(late.values()) if node not in before], sizes)
    return relocation.names


def _new_inputs(first: Code, second: Code, wiring: Wiring) -> list[Type]:
    """The types of the inputs that only the second code has, their sizes under the names that they have together."""
    names: dict[str, Dim] = {}
    for type_, source in zip(second.inputs, wiring):
        known: Type | None = None
        if isinstance(source, Result):
            known = first.outputs[source.index]
        elif source.index < len(first.inputs):
            known = first.inputs[source.index]
        if isinstance(type_, TensorType) and isinstance(known, TensorType):
            for inner, outer in zip(type_.shape, known.shape, strict=True):
                if isinstance(inner, str) and names.setdefault(inner, outer) != outer:
                    raise NotComposable(f"the sizes '{names[inner]}' and '{outer}' would have to be equal")
    taken = {dim for type_ in first.inputs if isinstance(type_, TensorType) for dim in type_.shape}
    count = len(first.inputs)
    fresh: dict[int, Type] = {}
    for type_, source in zip(second.inputs, wiring):
        if isinstance(source, Given) and source.index >= count and source.index not in fresh:
            fresh[source.index] = _renamed(type_, names, taken)
    return [fresh[index] for index in sorted(fresh)]


def _renamed(type_: Type, names: dict[str, Dim], taken: set[Dim]) -> Type:
    if not isinstance(type_, TensorType):
        return type_
    shape: list[Dim] = []
    for dim in type_.shape:
        if isinstance(dim, str) and dim not in names:
            name, number = dim, 2
            while name in taken:
                name, number = f"{dim}_{number}", number + 1
            taken.add(name)
            names[dim] = name
        shape.append(names[dim] if isinstance(dim, str) else dim)
    return TensorType(type_.dtype, tuple(shape))


def _copied(graph: fx.Graph, node: fx.Node, copies: dict[fx.Node, fx.Node]) -> fx.Node:
    copies[node] = graph.node_copy(node, lambda used: copies[used])
    if node.op == "placeholder":
        copies[node].target = copies[node].name  # the argument is called by the target, which the other code may have
    return copies[node]


def _copy_calls(graph: fx.Graph, code: Code, copies: dict[fx.Node, fx.Node]) -> None:
    for node in _calls(code):
        _copied(graph, node, copies)


def _dense(graph: fx.Graph, node: fx.Node) -> fx.Node:
    """`node` with its elements in order in memory, as code takes its inputs."""
    if node.meta["val"].is_contiguous():
        return node
    made = graph.call_function(torch.ops.aten.clone.default, (node,), {"memory_format": torch.contiguous_format})
    made.meta = {**node.meta, "val": node.meta["val"].contiguous()}
    return made


def _part(
    code: Code,
    holders: Sequence[fx.Node],
    passed: Sequence[fx.Node],
    calls: Iterable[fx.Node],
    results: Sequence[fx.Node],
) -> Code:
    """Code of some calls of `code`, whose inputs are those among `holders`, then what is `passed`."""
    n = len(code.inputs)
    order = placeholder_nodes(code)
    declared = (*code.inputs, *code.weights)
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    own = [node for node in holders if order.index(node) < n]
    weights = [node for node in holders if order.index(node) >= n]
    for node in own:
        _copied(graph, node, copies)
    for node in passed:
        copies[node] = graph.placeholder(node.name)
        copies[node].target = copies[node].name
        copies[node].meta = {**node.meta}
        copies[node].meta["val"] = node.meta["val"].contiguous()
    for node in weights:
        _copied(graph, node, copies)
    for node in calls:
        _copied(graph, node, copies)
    graph.output(tuple(copies[node] for node in results))
    names = symbol_names(order, declared)

    def type_of(node: fx.Node) -> TensorType:
        return TensorType(node.meta["val"].dtype, dims(node.meta["val"], names))

    weight_types = [type_ for node in weights if isinstance(type_ := declared[order.index(node)], TensorType)]
    return Code(
        "",
        fx.GraphModule(torch.nn.Module(), graph),
        (*[declared[order.index(node)] for node in own], *map(type_of, passed)),
        tuple(weight_types),
        tuple(map(type_of, results)),
    )


def _calls(code: Code) -> list[fx.Node]:
    return [node for node in code.graph.graph.nodes if node.op == "call_function"]


def _users(node: fx.Node) -> list[fx.Node]:
    return [user for user in node.users if user.op != "output"]


def _is_known_tensor(node: fx.Node) -> bool:
    value: Any = node.meta.get("val")
    return isinstance(value, torch.Tensor) and all(isinstance(extent, int) for extent in value.shape)


def _stem(name: str) -> str:
    return name.split(".")[0]


def _under_own_name(program: Program, code: Code) -> Code:
    """`code`, or a copy of it under another name where `program` has other code of that name."""
    for block in program.blocks.values():
        if block.code is not None and block.code.name == code.name and block.code is not code:
            if block.code.graph is code.graph:
                return block.code
            name = unique_code_name(program, code.name, code.name)
            return Code(name, code.graph, code.inputs, code.weights, code.outputs)
    return code
