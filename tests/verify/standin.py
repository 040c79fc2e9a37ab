"""A stand-in for a loaded artifact: runs a program by `interpret`."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from typing import Any

import torch

from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program
from adaptc.compiler.structure import flatten
from adaptc.compiler.verify.compare import to_numpy
from adaptc.compiler.verify.symbolic import Walker
from adaptc.runtime.tree import DictNode, Leaf, ListNode, NamedTupleNode, RecordNode, Static, Tree, TupleNode


@dataclass(frozen=True)
class Trace:
    """What `run_forced` tells."""

    outputs: Any
    path: tuple[str, ...]
    decisions: tuple[tuple[str, bool | int], ...]
    reads: tuple[tuple[str, bool | int | float], ...]
    raises: str
    changed: tuple[Any, ...] = ()


class Interpreted:
    """Runs `program` as an executable would; counts its runs."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.runs = 0

    def run_forced(self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Mapping[str, Sequence[Any]]) -> Trace:
        self.runs += 1
        _, arrays = flatten((tuple(args), dict(kwargs)), "static", arrays=True)
        tensors = [torch.from_numpy(array.copy()) for array in arrays]
        outcome = interpret(self.program, tensors, forced)
        outputs = None
        if outcome.tree is not None:
            leaves = [to_numpy(v) if isinstance(v, torch.Tensor) else v for v in outcome.outputs]
            outputs = nested(outcome.tree, leaves)
        decisions = decisions_of(self.program, tensors, outcome.path, [value for _, value in outcome.reads])
        return Trace(outputs, outcome.path, decisions, outcome.reads, outcome.raises)


def nested(tree: Tree, leaves: Sequence[Any]) -> Any:
    """The nested value that `tree` describes."""
    match tree:
        case Leaf(index=index):
            return leaves[index]
        case Static(value=value):
            return value
        case TupleNode(items=items):
            return tuple(nested(item, leaves) for item in items)
        case ListNode(items=items):
            return [nested(item, leaves) for item in items]
        case DictNode(keys=keys, items=items):
            return {key: nested(item, leaves) for key, item in zip(keys, items)}
        case NamedTupleNode(name=name, fields=fields, items=items):
            return namedtuple(name, fields)(*(nested(item, leaves) for item in items))  # type: ignore[misc]
        case RecordNode(name=name, fields=fields, items=items):
            return make_dataclass(name, fields)(*(nested(item, leaves) for item in items))
    raise TypeError(f"{tree} is not handled here")


def decisions_of(
    program: Program, tensors: Sequence[torch.Tensor], blocks: Sequence[str], reads: Sequence[Any]
) -> tuple[tuple[str, bool | int], ...]:
    """The tests along `blocks`, from the values of the reads; where sizes decide, from the next block."""
    walker = Walker(program, {entry.name: tuple(t.shape) for entry, t in zip(program.inputs, tensors)}, {})
    node, values, taken = walker.start(), {}, []
    remaining = list(reads)
    for following in blocks[1:]:
        values.update({variable: remaining.pop(0) for variable in node.executed.reads})
        options = [o for o in node.executed.options if o.edge.block == following]
        known = [
            o for o in options if all(c.term.variables <= values.keys() and c.holds(values) for c in o.constraints)
        ]
        option = (known or options)[0]
        if option.test is not None:
            way = option.taken
            if way is None:
                way = next(iter(values[v] for v in option.test.variables))
            taken.append(("", way))
        child = walker.take(node, option, trusting=True)
        assert child is not None
        node = child
    return tuple(taken)
