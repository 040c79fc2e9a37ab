"""The paths of a program: all of them where they are few, else a set on which every branch goes every way."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from adaptc.compiler.ir.evaluate import Number
from adaptc.compiler.ir.program import Program, edges
from adaptc.compiler.verify.search import Search
from adaptc.compiler.verify.solve import Constraint, Facts, values_of
from adaptc.compiler.verify.symbolic import BranchEdge, Node, Walker
from adaptc.compiler.verify.terms import UNDEFINED, Term, Undefined, Variable, evaluate
from adaptc.runtime.hostprogram import Branch, Raise, Read, Switch


@dataclass(frozen=True)
class Decision:
    """A branch or switch on a path and the way it goes: the truth of its test, or its index.

    `choice` is False where the test depends on nothing but constants and known sizes.
    """

    edge: BranchEdge
    loc: str
    taken: bool | int
    choice: bool


@dataclass(frozen=True)
class PathRead:
    """A read on a path and the user's line that it stands for."""

    variable: Variable
    loc: str


@dataclass(frozen=True)
class Path:
    """Blocks from the entry to a return or raise.

    `constraints` are what the path asks of the reads, each with the number of the decision it belongs to
    (None: an expression that must be defined); `facts` hold values that satisfy them. `raises` names the
    exception that ends the path. `forceable` is False where a decision hangs on what only running the network
    tells.
    """

    blocks: tuple[str, ...]
    decisions: tuple[Decision, ...]
    reads: tuple[PathRead, ...]
    constraints: tuple[tuple[int | None, Constraint], ...]
    facts: Facts
    raises: str
    forceable: bool

    @property
    def key(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """What tells this path from others: its blocks, and the edges taken between them."""
        return self.blocks, tuple(decision.edge.index for decision in self.decisions)

    def forced(self, values: Mapping[Variable, Number]) -> tuple[Number | None, ...]:
        """The value for each read in order; None leaves to the data one that decides nothing or cannot be forced."""
        return tuple(values.get(read.variable) if read.variable.free else None for read in self.reads)


@dataclass(frozen=True)
class Untaken:
    """An edge out of a branch or switch that no path takes, and why."""

    edge: BranchEdge
    loc: str
    taken: bool | int | None
    reason: str


@dataclass(frozen=True)
class PathSet:
    """Paths, whether they are all there are, and the branch edges that none of them takes."""

    paths: tuple[Path, ...]
    complete: bool
    untaken: tuple[Untaken, ...]


def paths(
    program: Program,
    limit: int = 64,
    shapes: Mapping[str, Sequence[int]] | None = None,
    hints: Mapping[str, Number] | None = None,
    seed: int = 0,
) -> PathSet:
    """All feasible paths of `program` if there are at most `limit`, else paths that take every feasible edge
    and a few random ones.

    `shapes` are those of the inputs at hand (input name -> sizes), `hints` are values that reads took on
    real data (read name -> value), preferred where they fit. A path is feasible if values for its reads are
    found under which every test goes its way. Choices at a loop are repeated a few times only, which leaves
    the set incomplete.
    """
    walker = Walker(program, shapes or {}, hints or {})
    search = Search(walker, random.Random(seed))
    leaves, complete = search.every(limit)
    if leaves is None:
        leaves = search.covering()
    found: dict[object, Path] = {}
    for leaf in leaves:
        facts = walker.end(leaf)
        if facts is not None:
            path = path_to(walker, leaf, facts, values_of(facts))
            found[path.key] = path
    return PathSet(tuple(found.values()), complete, _untaken(program, found.values(), complete))


def follow(walker: Walker, edge_indices: Sequence[int], read: Sequence[Number] | None = None) -> Path | None:
    """The path on which the branches and switches take the edges of these indices, in order.

    None where there is no such path, or no values of the reads are found that lead along it. Where a run
    has gone this way, `read` is what its reads gave in order: then none are sought, and the path's `facts`
    stay empty.
    """
    node, position = walker.start(), 0
    while node.executed.options:
        options = list(node.executed.options)
        if options[0].test is not None:
            if position == len(edge_indices):
                return None
            options = [option for option in options if option.index == edge_indices[position]]
            position += 1
        following = walker.take(node, options[0], trusting=read is not None) if options else None
        if following is None:
            return None
        node = following
    if read is not None:
        variables = [variable for earlier in node.line() for variable in earlier.executed.reads]
        return path_to(walker, node, {}, dict(zip(variables, read)))
    facts = walker.end(node)
    return None if facts is None else path_to(walker, node, facts, values_of(facts))


def edge_indices(program: Program, blocks: Sequence[str], taken: Sequence[bool | int]) -> list[int]:
    """The edges that a run took at the branches and switches along `blocks`, whose tests gave `taken`."""
    indices: list[int] = []
    for name in blocks:
        terminator = program.blocks[name].terminator
        if isinstance(terminator, Branch):
            indices.append(0 if taken[len(indices)] else 1)
        elif isinstance(terminator, Switch):
            index = int(taken[len(indices)])
            indices.append(terminator.keys.index(index) if index in terminator.keys else len(terminator.keys))
    return indices


def path_to(walker: Walker, leaf: Node, facts: Facts, values: Mapping[Variable, Number]) -> Path:
    """The path that ends at `leaf`, where nothing leads on; `facts` are decided, and reads give `values`."""
    line = leaf.line()
    decisions: list[Decision] = []
    constraints: list[tuple[int | None, Constraint]] = []
    reads: list[PathRead] = []
    for node, following in zip(line, [*line[1:], None]):
        block = walker.program.blocks[node.block]
        locs = {step.name: step.loc for step in block.steps if isinstance(step, Read)}
        reads += [PathRead(variable, locs[variable.name]) for variable in node.executed.reads]
        constraints += [(None, constraint) for constraint in node.executed.defined]
        option = following.option if following is not None else None
        if option is None or option.test is None:
            continue
        constraints += [(len(decisions), constraint) for constraint in option.constraints]
        loc = block.terminator.loc if isinstance(block.terminator, (Branch, Switch)) else ""
        taken = option.taken if option.taken is not None else _index(option.test, values)
        decisions.append(Decision(node.edge(option), loc, taken, option.choice))
    end = walker.program.blocks[leaf.block].terminator
    return Path(
        tuple(node.block for node in line),
        tuple(decisions),
        tuple(reads),
        tuple(constraints),
        facts,
        end.exception if isinstance(end, Raise) else "",
        all(variable.free for _, constraint in constraints for variable in constraint.term.variables),
    )


def _index(test: Term, values: Mapping[Variable, Number]) -> int:
    """The index with which a switch takes its default; -1 where it is not known."""
    index = evaluate(test, values) if test.variables <= values.keys() else UNDEFINED
    return -1 if isinstance(index, Undefined) else int(index)


def _untaken(program: Program, found: Iterable[Path], complete: bool) -> tuple[Untaken, ...]:
    decisions = [decision for path in found for decision in path.decisions]
    taken = {decision.edge for decision in decisions}
    reached = {block for path in found for block in path.blocks}
    chosen = {decision.edge.block for decision in decisions if decision.choice}
    result: list[Untaken] = []
    for block in program.blocks.values():
        if not isinstance(block.terminator, (Branch, Switch)):
            continue
        keys = (True, False) if isinstance(block.terminator, Branch) else (*block.terminator.keys, None)
        for index, _ in enumerate(edges(block)):
            edge = BranchEdge(block.name, index)
            if edge in taken:
                continue
            if block.name not in reached:
                reason = "no path was found that leads to its block"
            elif block.name not in chosen:
                reason = "its test depends on constants and known sizes alone and always goes the other way"
            elif complete:
                reason = "no values of the reads are found under which its test goes this way"
            else:
                reason = "no path was found on which its test goes this way"
            result.append(Untaken(edge, block.terminator.loc, keys[index], reason))
    return tuple(result)
