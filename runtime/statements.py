"""Structured control flow over the blocks of a host program: what the structuring makes and the synthesis prints.

Blocks are indices into ``program.blocks``. A statement that ends with its last line goes on with the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptc.runtime.hostprogram import Edge


@dataclass(slots=True)
class Steps:
    """The steps of a block."""

    block: int


@dataclass(slots=True)
class Move:
    """The parameters of the edge's block take the values of its arguments, all at once."""

    source: int
    edge: Edge


@dataclass(slots=True)
class If:
    """The branch that ends a block."""

    block: int
    then: list[Statement]
    orelse: list[Statement]


@dataclass(slots=True)
class Case:
    """The switch that ends a block. Each arm has the key that chooses it."""

    block: int
    arms: list[tuple[int, list[Statement]]]
    default: list[Statement]


@dataclass(slots=True)
class Loop:
    """Repeat `body`. `header` is the block to which `continue` leads; None for a loop that runs once, in which
    `break` is a jump forward. `after` is the block where control is when the loop is left by `break`."""

    header: int | None
    after: int | None
    body: list[Statement]
    resets_label: bool = False


@dataclass(slots=True)
class Goto:
    """Control goes to `target`, whose parameters are set. `resolve` puts one of the next four in its place."""

    target: int


@dataclass(slots=True)
class Break:
    """Leave the innermost loop."""


@dataclass(slots=True)
class Continue:
    """Begin the innermost loop's body again."""


@dataclass(slots=True)
class Leave:
    """Leave the part: return to its caller the number of the exit to `target`, with the target's parameters."""

    target: int


@dataclass(slots=True)
class SetLabel:
    """Remember where to go across several loops."""

    target: int


@dataclass(slots=True)
class OnLabel:
    """After a loop: if it was left for `target`, take the jump."""

    target: int
    jump: list[Statement]


@dataclass(slots=True)
class Finish:
    """The return or raise that ends a block."""

    block: int


@dataclass(slots=True)
class Part:
    """A subtree of the dominator tree as a function of its own, where nesting gets too deep for Python.

    It takes the parameters of the block `root`. `exits` are the blocks to which it leaves, `follow` the one that
    it reaches by its last line; `returns`: the network's call may end inside it; `body` is filled in later.
    """

    root: int
    exits: tuple[int, ...]
    follow: int | None
    returns: bool
    name: str
    body: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class Enter:
    """Call a part. `arms` say what comes after each of its exits, in the order of `part.exits`."""

    part: Part
    arms: list[list[Statement]]


Statement = Steps | Move | If | Case | Loop | Goto | Break | Continue | Leave | SetLabel | OnLabel | Finish | Enter


def completes(statements: list[Statement]) -> bool:
    """Whether control can come out at the end of resolved `statements`."""
    if not statements:
        return True
    match statements[-1]:
        case Break() | Continue() | Leave() | Finish() | Goto():
            return False
        case If(then=then, orelse=orelse):
            return completes(then) or completes(orelse)
        case Case(arms=arms, default=default):
            return completes(default) or any(completes(arm) for _, arm in arms)
        case Enter(arms=arms):
            return any(completes(arm) for arm in arms)
        case Loop(header=header, body=body):
            return _has_break(body) or (header is None and completes(body))
        case _:
            return True


def _has_break(statements: list[Statement]) -> bool:
    """Whether a `Break` of the loop around `statements` is among them (those of inner loops are theirs)."""
    for statement in statements:
        match statement:
            case Break():
                return True
            case If(then=then, orelse=orelse):
                found = _has_break(then) or _has_break(orelse)
            case Case(arms=arms, default=default):
                found = _has_break(default) or any(_has_break(arm) for _, arm in arms)
            case Enter(arms=arms):
                found = any(_has_break(arm) for arm in arms)
            case OnLabel(jump=jump):
                found = _has_break(jump)
            case _:
                found = False
        if found:
            return True
    return False
