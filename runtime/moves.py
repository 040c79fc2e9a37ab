"""Assignments that happen all at once, as Python lines that come one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def move_lines(targets: Sequence[str], texts: Sequence[str], reads: Sequence[Collection[str]]) -> list[str]:
    """Set each of `targets` (distinct identifiers) to the value that its expression of `texts` had before.

    `reads` are the identifiers that each expression reads. An assignment comes after all that read its target;
    what depends on itself in a circle, as a swap does, becomes one assignment of a tuple.
    """
    waiting = {target: (text, frozenset(read)) for target, text, read in zip(targets, texts, reads) if target != text}
    lines: list[str] = []
    while waiting:
        free = [t for t in waiting if not any(t in read for other, (_, read) in waiting.items() if other != t)]
        if not free:
            names, values = ", ".join(waiting), ", ".join(text for text, _ in waiting.values())
            return [*lines, f"{names} = {values}"]
        lines += [f"{target} = {waiting.pop(target)[0]}" for target in free]
    return lines
