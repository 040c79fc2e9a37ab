"""Checks a host program against the manifest before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import NoReturn

from adaptc.runtime.dtypes import check_dtype
from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.expressions import ARITY, DEEPEST, NON_FINITE, depth_of
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Call,
    Const,
    Draw,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Let,
    Read,
    Ref,
    Return,
    Size,
    Switch,
    draws,
    successors,
)
from adaptc.runtime.kinds import Kind, Kinds, ScalarKind, TensorKind, infer_kinds, kind_of
from adaptc.runtime.manifest import Manifest, Unit
from adaptc.runtime.treecheck import check_tree, leaf_count

FILE = "host.json"


def check(program: HostProgram, manifest: Manifest) -> Kinds:
    """What each value is, if `program` is well formed: blocks, units and values that it names exist, arities fit,
    a value is defined before it is read, and tensors and host scalars stand where they can.

    Raises `ArtifactError` with the first thing that is wrong.
    """
    units = {unit.name: unit for unit in manifest.units}
    blocks = {block.name: block for block in program.blocks}
    if len(blocks) != len(program.blocks):
        _fail("two blocks have the same name")
    if program.entry not in blocks:
        _fail(f"the entry {program.entry!r} is not a block")
    if draws(program) and program.seed is None:
        _fail("random numbers are drawn without a seed")
    entry, inputs = blocks[program.entry], manifest.signature.inputs
    if len(entry.params) != len(inputs) + len(program.state):
        also = f" and {len(program.state)} values of state" if program.state else ""
        _fail(f"the entry takes {len(entry.params)} values, the signature has {len(inputs)} tensors{also}")
    _check_session(program, len(inputs))
    for block in program.blocks:
        _check_block(block, blocks, units)
    reads = [step.name for block in program.blocks for step in block.steps if isinstance(step, Read)]
    if len(set(reads)) != len(reads):
        _fail("two reads have the same name, so that neither could be forced")
    kinds = infer_kinds(program, units, inputs)
    for block in program.blocks:
        if block.name in kinds:
            _check_kinds(block, kinds[block.name], units)
    return kinds


def check_all(program: HostProgram, manifest: Manifest) -> Kinds:
    """`check` of a program and of those with which a session goes on; gives what the values of the first one are."""
    kinds = check(program, manifest)
    sizes = [len(later.state) for later in program.later]
    for part in (program, *program.later):
        if part is not program:
            check(part, manifest)
            if part.later or part.changes != program.changes:
                _fail("a program of a session has others of its own, or changes other inputs")
        for block in part.blocks:
            end = block.terminator
            if not isinstance(end, Return):
                continue
            if end.next is not None and not 0 <= end.next < len(sizes):
                _fail(f"a return goes on with program {end.next} of {len(sizes)}", block)
            passed = len(end.outputs) - leaf_count(end.tree) - len(program.changes)
            if passed != (0 if end.next is None else sizes[end.next]):
                _fail("a return passes on what the next call of a session does not take", block)
    return kinds


def _check_session(program: HostProgram, inputs: int) -> None:
    if any(not 0 <= number < inputs for number in program.changes):
        _fail(f"inputs {list(program.changes)} are changed, of {inputs}")
    for spec in program.state:
        if spec.shape is not None:
            check_dtype(spec.dtype, "a value of state", FILE)


def _fail(what: str, block: HostBlock | None = None) -> NoReturn:
    place = f" (block {block.name!r})" if block is not None else ""
    raise ArtifactError(f"{FILE} is inconsistent: {what}{place}; compile the network again")


def _check_block(block: HostBlock, blocks: Mapping[str, HostBlock], units: Mapping[str, Unit]) -> None:
    known: set[str] = set()

    def define(name: str) -> None:
        if name in known:
            _fail(f"{name!r} is defined twice", block)
        known.add(name)

    for name in block.params:
        define(name)
    for step in block.steps:
        match step:
            case Call(unit=unit, inputs=inputs, outputs=outputs):
                if unit not in units:
                    _fail(f"unit {unit!r} is not in manifest.json", block)
                takes, gives = len(units[unit].inputs), len(units[unit].outputs)
                if len(inputs) != takes or len(outputs) != gives:
                    found = f"{len(inputs)} -> {len(outputs)}"
                    _fail(f"unit {unit!r} is called with {found} values, but has {takes} -> {gives}", block)
                for expr in inputs:
                    _check_expr(expr, known, block)
                for name in outputs:
                    define(name)
            case Let(name=name, expr=expr):
                _check_expr(expr, known, block)
                define(name)
            case Read(name=name, tensor=tensor):
                _check_expr(Ref(tensor), known, block)
                define(name)
            case Draw(name=name, kind=drawn, shape=shape, dtype=dtype, args=args):
                for expr in (*shape, *args):
                    _check_expr(expr, known, block)
                if len(args) != (2 if drawn == "integers" else 0) or (drawn == "permutation" and len(shape) != 1):
                    _fail(f"{name!r} draws {drawn} of {len(shape)} dimensions with {len(args)} numbers", block)
                check_dtype(dtype, f"the draw {name!r}", FILE)
                define(name)
    _check_terminator(block, known, blocks)


def _check_terminator(block: HostBlock, known: Set[str], blocks: Mapping[str, HostBlock]) -> None:
    match block.terminator:
        case Branch(test=test):
            _check_expr(test, known, block)
        case Switch(index=index, keys=keys, edges=edges):
            _check_expr(index, known, block)
            if len(keys) != len(edges) or len(set(keys)) != len(keys):
                _fail("the keys of a switch do not match its edges", block)
        case Return(outputs=outputs, specs=specs, tree=tree):
            if len(outputs) != len(specs):
                _fail(f"a return has {len(outputs)} outputs and {len(specs)} specs", block)
            for expr in outputs:
                _check_expr(expr, known, block)
            check_tree(tree, len(outputs), f"the output of block {block.name!r}", FILE)
        case _:
            pass
    for edge in successors(block.terminator):
        _check_edge(edge, known, block, blocks)


def _check_edge(edge: Edge, known: Set[str], block: HostBlock, blocks: Mapping[str, HostBlock]) -> None:
    if edge.block not in blocks:
        _fail(f"an edge leads to {edge.block!r}, which is not a block", block)
    if len(edge.args) != len(blocks[edge.block].params):
        takes = len(blocks[edge.block].params)
        _fail(f"an edge passes {len(edge.args)} values to {edge.block!r}, which takes {takes}", block)
    for expr in edge.args:
        _check_expr(expr, known, block)


def _check_expr(expr: Expr, known: Set[str], block: HostBlock) -> None:
    if depth_of(expr) > DEEPEST:
        _fail(f"an expression nests more than {DEEPEST} deep", block)
    waiting = [expr]
    while waiting:
        match waiting.pop():
            case Ref(name=name) | Size(name=name) if name not in known:
                _fail(f"{name!r} is read before it is defined", block)
            case Size(dim=dim) if dim < 0:
                _fail(f"a size names dimension {dim}", block)
            case Const(value=value, kind="float") if not isinstance(value, int | float) and value not in NON_FINITE:
                _fail(f"{value!r} stands where a float is expected", block)
            case Apply(function=function, args=args):
                if function not in ARITY:
                    _fail(f"the function {function!r} is unknown", block)
                if len(args) != ARITY[function]:
                    _fail(f"{function!r} takes {ARITY[function]} arguments, not {len(args)}", block)
                waiting.extend(args)


def _check_kinds(block: HostBlock, kinds: Mapping[str, Kind], units: Mapping[str, Unit]) -> None:
    for step in block.steps:
        match step:
            case Call(unit=unit, inputs=inputs):
                for expr, spec in zip(inputs, units[unit].inputs):
                    _check_operands(expr, kinds, block)
                    kind = kind_of(expr, kinds)
                    if isinstance(kind, TensorKind) and kind.dtype not in (None, spec.dtype):
                        found = f"a {kind.dtype} tensor goes to input {spec.name!r} of unit {unit!r}"
                        _fail(f"{found}, which takes {spec.dtype}", block)
                    if isinstance(kind, ScalarKind) and spec.shape != ():
                        _fail(f"a host scalar goes to input {spec.name!r} of unit {unit!r}, a tensor", block)
            case Let(expr=expr):
                _check_scalar(expr, kinds, block)
            case Draw():
                for expr in (*step.shape, *step.args):
                    _check_scalar(expr, kinds, block)
            case Read(tensor=tensor):
                kind = kinds[tensor]
                if not isinstance(kind, TensorKind):
                    _fail(f"{tensor!r} is read as a tensor, but is a host scalar", block)
                if any(isinstance(extent, int) and extent != 1 for extent in kind.shape or ()):
                    shape = ", ".join(map(str, kind.shape or ()))
                    _fail(f"{tensor!r} is read as a scalar, but its shape is [{shape}]", block)
    match block.terminator:
        case Branch(test=expr) | Switch(index=expr):
            _check_scalar(expr, kinds, block)
        case Return(outputs=outputs, specs=specs):
            for expr, output in zip(outputs, specs):
                _check_operands(expr, kinds, block)
                scalar = isinstance(kind_of(expr, kinds), ScalarKind)
                if output.shape is not None:
                    check_dtype(output.dtype, f"an output of block {block.name!r}", FILE)
                if (scalar and output.shape not in (None, ())) or (not scalar and output.shape is None):
                    _fail("an output is a tensor where the other says host scalar", block)
        case _:
            pass
    for edge in successors(block.terminator):
        for expr in edge.args:
            _check_operands(expr, kinds, block)


def _check_scalar(expr: Expr, kinds: Mapping[str, Kind], block: HostBlock) -> None:
    _check_operands(expr, kinds, block)
    if isinstance(kind_of(expr, kinds), TensorKind):
        _fail(f"{getattr(expr, 'name', '')!r} stands where a host scalar is needed, but is a tensor", block)


def _check_operands(expr: Expr, kinds: Mapping[str, Kind], block: HostBlock) -> None:
    """Sizes are taken of tensors, within their rank, and functions are applied to host scalars."""
    waiting = [expr]
    while waiting:
        match waiting.pop():
            case Size(name=name, dim=dim):
                kind = kinds[name]
                if not isinstance(kind, TensorKind):
                    _fail(f"a size of {name!r} is taken, which is a host scalar", block)
                if kind.shape is not None and dim >= len(kind.shape):
                    _fail(f"dimension {dim} of {name!r} is read, which has {len(kind.shape)}", block)
            case Apply(args=args):
                for arg in args:
                    if isinstance(kind_of(arg, kinds), TensorKind):
                        _fail(f"{getattr(arg, 'name', '')!r} is computed with, but is a tensor", block)
                waiting.extend(args)
