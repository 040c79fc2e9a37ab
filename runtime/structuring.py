"""Structured code from the control-flow graph, by the dominator tree.

After Ramsey, "Beyond Relooper: Recursive Translation of Unstructured Control Flow to Structured Control Flow"
(ICFP 2022): a block that several edges reach (a merge) is placed behind the code of its immediate dominator; any
other block is placed where the one edge to it is. Python has no labelled blocks, so that three things are added:

- the blocks behind a loop are placed behind it and reached by `break`, not inside of it;
- a jump forward over other code is a `break` out of a loop that runs once;
- code that would nest too deep for Python becomes a function (`Part`), and every jump out of it a `return`.
"""

from __future__ import annotations

from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import Branch, Edge, HostProgram, Jump, Raise, Return, Switch
from adaptc.runtime.placement import Limits, Placement
from adaptc.runtime.resolving import resolve
from adaptc.runtime.statements import Case, Enter, Finish, Goto, If, Loop, Move, Part, Statement, Steps


def structure(program: HostProgram, limits: Limits) -> tuple[list[Statement], list[Part]]:
    """The body of the host function and its parts, jumps resolved. Raises `ArtifactError` on irreducible graphs."""
    return _Structuring(program, limits).run()


class _Code:
    """Statements, the targets of the jumps among them that still need a place, and how deep loops nest in them."""

    __slots__ = ("jumps", "loops", "statements")

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.jumps: set[int] = set()
        self.loops = 0

    def add(self, statement: Statement, *inner: _Code) -> None:
        self.statements.append(statement)
        for code in inner:
            self.jumps |= code.jumps
            self.loops = max(self.loops, code.loops)

    def extend(self, code: _Code) -> None:
        self.statements += code.statements
        self.jumps |= code.jumps
        self.loops = max(self.loops, code.loops)


class _Structuring:
    def __init__(self, program: HostProgram, limits: Limits) -> None:
        self.program = program
        self.limits = limits
        self.index = {block.name: i for i, block in enumerate(program.blocks)}
        self.graph = FlowGraph(program)
        self.placement = Placement(program, self.graph, limits)
        self.tree = self.placement.tree
        self.parts: list[Part] = []
        self.waiting: list[Part] = []

    def run(self) -> tuple[list[Statement], list[Part]]:
        body = self.region(self.graph.entry, None, 0).statements
        resolve(body, in_part=False)
        while self.waiting:
            part = self.waiting.pop()
            part.body = self.region(part.root, part.follow, 0).statements
        for part in self.parts:
            resolve(part.body, in_part=True)
        return body, self.parts

    def region(self, block: int, follow: int | None, depth: int) -> _Code:
        """The code of `block` and of all that is placed below it; by its last line it reaches `follow`."""
        if depth >= self.limits.nested_blocks and self.tree.size[block] > 1:
            return self.deferred(block, follow)
        code = _Code()
        at: int | None = block
        while at is not None:
            if at in self.graph.headers:
                behind = self.placement.behind_loop[at]
                loop = self.loop(at, behind[0] if behind else follow, depth)
                at = self.chain(code, loop, at, behind, follow, depth)
            elif self.placement.merges[at]:
                at = self.with_merges(code, at, follow, depth)
            else:
                at = self.block(code, at, follow, depth)
        return code

    def with_merges(self, code: _Code, block: int, follow: int | None, depth: int) -> int | None:
        """Add the code of `block` and its merges but the last, which is returned."""
        behind = self.placement.merges[block]
        first = self.straight(block, self.reach(behind[0]), depth)
        return self.chain(code, first, block, behind, follow, depth)

    def loop(self, header: int, after: int | None, depth: int) -> _Code:
        """The loop of `header`, without the blocks behind it; leaving it by `break`, control is at `after`."""
        follow = header if self.placement.spread(header, from_loop=True) <= self.limits.deep_jump else None
        body = _Code()
        if self.placement.merges[header]:
            last = self.with_merges(body, header, follow, depth + 1)
            if last is not None:
                body.extend(self.region(last, follow, depth + 1))
        else:
            body = self.straight(header, follow, depth + 1)
        return self.around(body, header, after)

    def straight(self, block: int, follow: int | None, depth: int) -> _Code:
        """The code of `block` and of what is placed at its edges, without its merges."""
        code = _Code()
        rest = self.block(code, block, follow, depth)
        if rest is not None:
            code.extend(self.region(rest, follow, depth + 1))
        return code

    def chain(
        self, code: _Code, first: _Code, root: int, behind: list[int], follow: int | None, depth: int
    ) -> int | None:
        """Add `first`, the code of `root`, and behind it the blocks `behind` but the last, which is returned."""
        for block, after in zip(behind, [*behind[1:], None]):
            if block in first.jumps:
                first = self.around(first, None, block)
            if first.loops > self.limits.nested_loops:
                first = self.outlined(first, root, block)
            if after is not None:
                first.extend(self.region(block, self.reach(after), depth + 1))
        if not behind and first.loops > self.limits.nested_loops:
            first = self.outlined(first, root, follow)
        code.extend(first)
        return behind[-1] if behind else None

    def reach(self, merge: int) -> int | None:
        """`merge`, if the code in front of it reaches it by its last line; None if by jumps alone."""
        return merge if self.placement.spread(merge, from_loop=False) <= self.limits.deep_jump else None

    def around(self, body: _Code, header: int | None, after: int | None) -> _Code:
        """A loop around `body`, in which jumps to `header` and to `after` have their place."""
        code = _Code()
        code.add(Loop(header, after, body.statements), body)
        code.jumps -= {block for block in (header, after) if block is not None}
        code.loops += 1
        return code

    def block(self, code: _Code, block: int, follow: int | None, depth: int) -> int | None:
        """Add the steps of `block` and its terminator. Returns the block whose code comes next, if there is one."""
        code.add(Steps(block))
        match self.program.blocks[block].terminator:
            case Return() | Raise():
                code.add(Finish(block))
                return None
            case Jump(to=edge):
                return self.edge(code, block, edge, follow)
            case Branch(then=then, orelse=orelse):
                return self.branch(code, block, then, orelse, follow, depth)
            case Switch(keys=keys, edges=edges, default=default):
                inner = depth + len(keys).bit_length() if len(keys) > self.limits.wide_switch else depth
                arms = [self.arm(block, edge, follow, inner) for edge in edges]
                otherwise = self.arm(block, default, follow, inner)
                cases = [(key, arm.statements) for key, arm in zip(keys, arms)]
                code.add(Case(block, cases, otherwise.statements), *arms, otherwise)
                return None

    def branch(self, code: _Code, block: int, then: Edge, orelse: Edge, follow: int | None, depth: int) -> int | None:
        """An arm that does not come out at its end needs no `else`: the other arm goes on at the same level."""
        then_comes_out, else_comes_out = (
            self.comes_out(block, then, follow),
            self.comes_out(block, orelse, follow),
        )
        if then_comes_out and else_comes_out:
            arms = self.arm(block, then, follow, depth), self.arm(block, orelse, follow, depth)
            code.add(If(block, arms[0].statements, arms[1].statements), *arms)
            return None
        if then_comes_out == else_comes_out:
            nest_then = self.extent(block, then) <= self.extent(block, orelse)
        else:
            nest_then = else_comes_out
        arm = self.arm(block, then if nest_then else orelse, follow, depth)
        code.add(If(block, arm.statements, []) if nest_then else If(block, [], arm.statements), arm)
        return self.edge(code, block, orelse if nest_then else then, follow)

    def comes_out(self, block: int, edge: Edge, follow: int | None) -> bool:
        """Whether the code at an edge out of `block` can reach `follow` by its last line."""
        target = self.index[edge.block]
        if follow is None or target == follow:
            return follow is not None
        return self.is_inline(block, target) and follow in self.tree.exits[target]

    def is_inline(self, block: int, target: int) -> bool:
        """Whether the code of `target` is placed at the edge that leads there from `block`."""
        return target in self.placement.inline and self.tree.parent[target] == block

    def extent(self, block: int, edge: Edge) -> int:
        """How many blocks the code at an edge out of `block` has."""
        target = self.index[edge.block]
        return self.tree.size[target] if self.is_inline(block, target) else 0

    def arm(self, block: int, edge: Edge, follow: int | None, depth: int) -> _Code:
        """The code at one edge of a branch or switch."""
        code = _Code()
        rest = self.edge(code, block, edge, follow)
        if rest is not None:
            code.extend(self.region(rest, follow, depth + 1))
        return code

    def edge(self, code: _Code, block: int, edge: Edge, follow: int | None) -> int | None:
        """Add the move along `edge`. Returns its block if that is placed here; otherwise adds the jump to it."""
        code.add(Move(block, edge))
        target = self.index[edge.block]
        if self.is_inline(block, target):
            return target
        if target != follow:
            code.add(Goto(target))
            code.jumps.add(target)
        return None

    def deferred(self, block: int, follow: int | None) -> _Code:
        """A call of the subtree of `block`, which becomes a part and is structured later."""
        exits = self.tree.exits[block]
        part = self.part(block, exits, follow if follow in exits else None, self.tree.returns[block])
        self.waiting.append(part)
        return self.enter(part)

    def outlined(self, code: _Code, root: int, follow: int | None) -> _Code:
        """A call of `code`, which begins with `root`, as a part."""
        if follow is not None and not any(self.tree.holds(root, s) for s in self.graph.predecessors[follow]):
            follow = None
        exits = code.jumps if follow is None else code.jumps | {follow}
        part = self.part(root, frozenset(exits), follow, self.tree.returns[root])
        part.body = code.statements
        return self.enter(part)

    def part(self, root: int, exits: frozenset[int], follow: int | None, returns: bool) -> Part:
        ordered = tuple(sorted(exits, key=lambda block: self.graph.number[block]))
        part = Part(root, ordered, follow, returns, f"part_{len(self.parts) + 1}")
        self.parts.append(part)
        return part

    def enter(self, part: Part) -> _Code:
        code = _Code()
        arms: list[list[Statement]] = [[] if t == part.follow else [Goto(t)] for t in part.exits]
        code.add(Enter(part, arms))
        code.jumps = {target for target in part.exits if target != part.follow}
        return code
