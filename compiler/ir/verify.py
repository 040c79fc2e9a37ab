"""The rules of the IR, executable: what every captured, optimised and lowered program satisfies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import torch

from adaptc.compiler.ir.errors import ExpressionError, Fault, IRError
from adaptc.compiler.ir.host_types import element_kind, fits, fits_spec, infer, infer_scalar, show, step_type
from adaptc.compiler.ir.program import Block, Code, Input, Param, Program, ScalarType, TensorType, Type, edges
from adaptc.compiler.ir.verify_code import code_faults
from adaptc.runtime.hostprogram import Branch, Draw, Edge, Expr, Let, Read, Return, Switch
from adaptc.runtime.tree import Leaf, Static, Tree


def verify(program: Program, *, allow_unreachable: bool = False) -> None:
    """Check every rule of the IR; raises IRError listing all broken ones, each with block and "file:line".

    `allow_unreachable` admits blocks that no path reaches, which a capture may leave behind.
    """
    faults = [Fault("", "", message) for message in _program_faults(program)]
    for block in program.blocks.values():
        faults += _block_faults(program, block)
    faults += _reachability_faults(program, allow_unreachable)
    if faults:
        raise IRError(program.name, faults)


def reachable(program: Program) -> set[str]:
    """The names of the blocks that some path from the entry leads through."""
    return reachable_from(program.entry, program.blocks)


def reachable_from(entry: str, blocks: Mapping[str, Block]) -> set[str]:
    """The names of the blocks that some path from the block `entry` leads through."""
    seen: set[str] = set()
    todo = [entry]
    while todo:
        name = todo.pop()
        if name in seen or name not in blocks:
            continue
        seen.add(name)
        todo += [edge.block for edge in edges(blocks[name])]
    return seen


def leaves(tree: Tree) -> tuple[int, ...]:
    """The indices at the leaves of `tree`, in order."""
    match tree:
        case Leaf(index=index):
            return (index,)
        case Static():
            return ()
        case _:
            return tuple(index for item in tree.items for index in leaves(item))


def _program_faults(program: Program) -> Iterator[str]:
    indices = sorted(index for argument in program.arguments for index in leaves(argument.tree))
    if indices != list(range(len(program.inputs))):
        expected = f"0..{len(program.inputs) - 1}" if program.inputs else "none"
        yield f"the arguments carry the inputs {indices}; they must carry each of {expected} once"
    if program.seed is None and any(
        isinstance(step, Draw) for block in program.blocks.values() for step in block.steps
    ):
        yield "random numbers are drawn, and there is no seed"
    for key, block in program.blocks.items():
        if key != block.name:
            yield f"block '{block.name}' stands in the table as '{key}'"
    entry = program.blocks.get(program.entry)
    if entry is None:
        yield f"the entry block '{program.entry}' does not exist"
    else:
        also = " and the state" if program.state else ""
        found = _signature(entry.params)
        given = _signature([*program.inputs, *program.state])
        if found != given:
            yield f"the entry's parameters ({found}) are not the inputs{also} ({given})"
    codes: dict[str, Code] = {}
    for block in program.blocks.values():
        if block.code is None:
            continue
        known = codes.setdefault(block.code.name, block.code)
        if known is not block.code:
            yield f"two different codes are called '{block.code.name}'"
    for code in codes.values():
        yield from code_faults(code)


def _signature(params: Sequence[Param | Input]) -> str:
    return ", ".join(f"'{param.name}': {show(param.type)}" for param in params)


def _block_faults(program: Program, block: Block) -> Iterator[Fault]:
    environment: dict[str, Type] = {param.name: param.type for param in block.params}
    defined = [param.name for param in block.params]

    def fault(message: str, loc: str = "") -> Fault:
        return Fault(block.name, loc or block.loc, message)

    for message in _code_use_faults(program, block):
        yield fault(message)
    defined += [output.name for output in block.outputs]
    environment |= {output.name: output.type for output in block.outputs}
    for step in block.steps:
        try:
            environment[step.name] = _step_type(step, environment)
        except ExpressionError as error:
            yield fault(f"step '{step.name}': {error}", step.loc)
            # What follows is still checked, as if the step gave what it announces.
            environment[step.name] = _announced(step)
        defined.append(step.name)
    for name, count in Counter(defined).items():
        if count > 1:
            yield fault(f"the name '{name}' is defined {count} times")
    for message in _terminator_faults(program, block, environment):
        yield fault(message, getattr(block.terminator, "loc", ""))


def _code_use_faults(program: Program, block: Block) -> Iterator[str]:
    params = {param.name: param.type for param in block.params}
    for name in block.inputs:
        if name not in params:
            yield f"the code's input '{name}' is no parameter of the block"
    for name in block.weights:
        if name not in program.weights:
            yield f"the weight '{name}' is not in the parameter table"
    code = block.code
    if code is None:
        if block.inputs or block.weights or block.outputs:
            yield "a block without code has inputs, weights or outputs"
        return
    counts = (
        ("inputs", len(block.inputs), len(code.inputs)),
        ("weights", len(block.weights), len(code.weights)),
        ("outputs", len(block.outputs), len(code.outputs)),
    )
    for what, given, declared in counts:
        if given != declared:
            yield f"the block has {given} {what} for code '{code.name}', which has {declared}"
    for name, type_ in zip(block.inputs, code.inputs):
        if name in params and not fits(params[name], type_):
            yield f"input '{name}' is {show(params[name])}; code '{code.name}' takes {show(type_)}"
    for name, weight in zip(block.weights, code.weights):
        if name in program.weights:
            tensor = program.weights[name]
            found = TensorType(tensor.dtype, tuple(tensor.shape))
            if found != weight:
                yield f"weight '{name}' is {show(found)}; code '{code.name}' takes {show(weight)}"
    for output, computed in zip(block.outputs, code.outputs):
        if not fits(computed, output.type):
            yield f"output '{output.name}' is {show(computed)} and is declared {show(output.type)}"


def _announced(step: Let | Read | Draw) -> Type:
    if isinstance(step, Draw):
        return TensorType(getattr(torch, step.dtype), tuple(f"{step.name}_{dim}" for dim in range(len(step.shape))))
    return ScalarType(step.kind if isinstance(step, Read) else "float")


def _step_type(step: Let | Read | Draw, environment: dict[str, Type]) -> Type:
    if not isinstance(step, Read):
        return step_type(step, environment)
    type_ = environment.get(step.tensor)
    if not isinstance(type_, TensorType):
        raise ExpressionError(f"'{step.tensor}' is read as a tensor but is {show(type_) if type_ else 'undefined'}")
    if any(dim != 1 for dim in type_.shape):
        raise ExpressionError(f"a read takes a tensor of one element; '{step.tensor}' is {show(type_)}")
    if element_kind(type_.dtype) != step.kind:
        raise ExpressionError(f"'{step.tensor}' is {show(type_)}, whose element is no {step.kind}")
    return ScalarType(step.kind)


def _terminator_faults(program: Program, block: Block, environment: dict[str, Type]) -> Iterator[str]:
    match block.terminator:
        case Branch(test=test):
            yield from _scalar_faults("the test", test, environment)
        case Switch(index=index, keys=keys, edges=cases):
            yield from _scalar_faults("the index", index, environment)
            if len(keys) != len(cases):
                yield f"the switch has {len(keys)} keys for {len(cases)} edges"
            if len(set(keys)) != len(keys):
                yield f"the switch repeats a key: {keys}"
        case Return() as terminator:
            yield from _return_faults(terminator, environment)
    for edge in edges(block):
        yield from _edge_faults(program, edge, environment)


def _scalar_faults(what: str, expr: Expr, environment: dict[str, Type]) -> Iterator[str]:
    try:
        infer_scalar(expr, environment)
    except ExpressionError as error:
        yield f"{what}: {error}"


def _return_faults(terminator: Return, environment: dict[str, Type]) -> Iterator[str]:
    outputs, specs = terminator.outputs, terminator.specs
    if len(outputs) != len(specs):
        yield f"the return has {len(outputs)} outputs and {len(specs)} specs"
    for index in leaves(terminator.tree):
        if not 0 <= index < len(outputs):
            yield f"the return's tree names output {index}; there are {len(outputs)}"
    for index, output in enumerate(outputs):
        try:
            type_ = infer(output, environment)
        except ExpressionError as error:
            yield f"output {index}: {error}"
            continue
        if index < len(specs) and not fits_spec(type_, specs[index]):
            spec = specs[index]
            shape = "" if spec.shape is None else f"[{', '.join(map(str, spec.shape))}]"
            yield f"output {index} is {show(type_)}; its spec says {spec.dtype}{shape}"


def _edge_faults(program: Program, edge: Edge, environment: dict[str, Type]) -> Iterator[str]:
    target = program.blocks.get(edge.block)
    if target is None:
        yield f"an edge leads to '{edge.block}', which does not exist"
        return
    if len(edge.args) != len(target.params):
        yield f"the edge to '{edge.block}' passes {len(edge.args)} values for {len(target.params)} parameters"
    for arg, param in zip(edge.args, target.params):
        try:
            found = infer(arg, environment)
        except ExpressionError as error:
            yield f"the edge to '{edge.block}': {error}"
            continue
        if not fits(found, param.type):
            yield (
                f"the edge to '{edge.block}' passes {show(found)} for its parameter '{param.name}', "
                f"which is {show(param.type)}"
            )


def _reachability_faults(program: Program, allow_unreachable: bool) -> Iterator[Fault]:
    for block in program.blocks.values():
        if any(edge.block == program.entry for edge in edges(block)):
            yield Fault(block.name, block.loc, f"an edge leads back to the entry block '{program.entry}'")
    if allow_unreachable or program.entry not in program.blocks:
        return
    reached = reachable(program)
    for block in program.blocks.values():
        if block.name not in reached:
            yield Fault(block.name, block.loc, "no path from the entry reaches this block")
