"""Turns jumps into what Python has for them: falling through, `break`, `continue`, `return`, or a label."""

from __future__ import annotations

from dataclasses import dataclass, field

from adaptc.runtime.statements import (
    Break,
    Case,
    Continue,
    Enter,
    Goto,
    If,
    Leave,
    Loop,
    OnLabel,
    SetLabel,
    Statement,
    completes,
)


@dataclass(slots=True)
class _Frame:
    """A loop around the statement at hand; `passing` are targets of jumps that leave it for a place further out."""

    loop: Loop
    passing: list[int] = field(default_factory=list)
    has_break: bool = False


def resolve(statements: list[Statement], *, in_part: bool) -> None:
    """Replace each `Goto` in place. In a part, a jump to a block without a place leaves the part."""
    _resolve(statements, [], in_part)


def _resolve(statements: list[Statement], frames: list[_Frame], in_part: bool) -> None:
    resolved: list[Statement] = []
    for statement in statements:
        match statement:
            case Goto(target=target):
                resolved += _jump(target, frames, in_part, first=True)
            case If(then=then, orelse=orelse):
                _resolve(then, frames, in_part)
                _resolve(orelse, frames, in_part)
                resolved.append(statement)
            case Case(arms=arms, default=default):
                for _, arm in arms:
                    _resolve(arm, frames, in_part)
                _resolve(default, frames, in_part)
                resolved.append(statement)
            case Enter(arms=exits):
                for arm in exits:
                    _resolve(arm, frames, in_part)
                resolved.append(statement)
            case Loop():
                resolved += _loop(statement, frames, in_part)
            case _:
                resolved.append(statement)
    statements[:] = resolved


def _loop(loop: Loop, frames: list[_Frame], in_part: bool) -> list[Statement]:
    frame = _Frame(loop)
    _resolve(loop.body, [*frames, frame], in_part)
    if loop.header is None and completes(loop.body):
        frame.has_break = True
    jumps = [(target, _jump(target, frames, in_part, first=False)) for target in frame.passing]
    if len(jumps) == 1 and not frame.has_break:
        return [loop, *jumps[0][1]]
    loop.resets_label = bool(jumps)
    return [loop, *(OnLabel(target, jump) for target, jump in jumps)]


def _jump(target: int, frames: list[_Frame], in_part: bool, *, first: bool) -> list[Statement]:
    """The jump to `target` from inside `frames` (outermost first). `first`: the label is not set yet."""
    for distance, frame in enumerate(reversed(frames)):
        ends_here = frame.loop.after == target
        if not ends_here and frame.loop.header != target:
            continue
        if distance == 0:
            frame.has_break = frame.has_break or ends_here
            return [Break()] if ends_here else [Continue()]
        if target not in frames[-1].passing:
            frames[-1].passing.append(target)
        return [SetLabel(target), Break()] if first else [Break()]
    if not in_part:
        raise AssertionError(f"no place for the jump to block {target}")
    return [Leave(target)]
