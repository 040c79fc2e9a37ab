"""Which values a block's steps and its terminator read and define."""

from __future__ import annotations

from adaptc.runtime.hostprogram import (
    Branch,
    Call,
    Draw,
    HostBlock,
    Let,
    Read,
    Return,
    Step,
    Switch,
    names_in,
    successors,
)


def read_by(step: Step) -> tuple[str, ...]:
    """The names that `step` reads."""
    match step:
        case Call(inputs=inputs):
            return tuple(name for expr in inputs for name in names_in(expr))
        case Let(expr=expr):
            return names_in(expr)
        case Read(tensor=tensor):
            return (tensor,)
        case Draw(shape=shape, args=args):
            return tuple(name for expr in (*shape, *args) for name in names_in(expr))


def defined_by(step: Step) -> tuple[str, ...]:
    """The names that `step` defines."""
    match step:
        case Call(outputs=outputs):
            return outputs
        case Let(name=name) | Read(name=name) | Draw(name=name):
            return (name,)


def last_uses(block: HostBlock) -> dict[str, int]:
    """For each value that is read, the place of the last step that reads it; the terminator's is behind the last."""
    last = {name: place for place, step in enumerate(block.steps) for name in read_by(step)}
    last.update(dict.fromkeys(_read_at_the_end(block), len(block.steps)))
    return last


def _read_at_the_end(block: HostBlock) -> tuple[str, ...]:
    exprs = [arg for edge in successors(block.terminator) for arg in edge.args]
    match block.terminator:
        case Return(outputs=outputs):
            exprs += outputs
        case Switch(index=index):
            exprs.append(index)
        case Branch(test=test):
            exprs.append(test)
        case _:
            pass
    return tuple(name for expr in exprs for name in names_in(expr))
