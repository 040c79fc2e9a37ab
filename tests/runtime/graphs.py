"""Random host programs of scalar arithmetic, for comparing the synthesis with the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Const,
    Edge,
    Expr,
    HostBlock,
    HostProgram,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Return,
    Switch,
    Terminator,
    ValueSpec,
)
from adaptc.runtime.manifest import TensorSpec
from adaptc.runtime.tree import Leaf, TupleNode

INPUTS = (TensorSpec("seed", "int64", ()), TensorSpec("fuel", "int64", ()))
PAIR = TupleNode((Leaf(0), Leaf(1)))
SPECS = (ValueSpec("int"), ValueSpec("int"))


def apply(function: str, *args: Expr | int | str) -> Apply:
    """An application; a str is a value's name and an int a constant."""
    return Apply(function, tuple(as_expr(arg) for arg in args))


def as_expr(arg: Expr | int | str) -> Expr:
    if isinstance(arg, str):
        return Ref(arg)
    return Const(arg) if isinstance(arg, int) else arg


def scalars(seed: int, fuel: int) -> tuple[Any, ...]:
    return np.array(seed), np.array(fuel)


def finish() -> Return:
    return Return((Ref("hash"), Ref("x")), SPECS, PAIR)


@st.composite
def host_programs(draw: st.DrawFn, most_blocks: int = 14) -> HostProgram:
    """Reducible graphs with any joins: edges lead forward at will, and back to a dominator as long as fuel lasts.

    Every block mixes its number into `hash`, so that two different paths give two different outputs.
    """
    count = draw(st.integers(2, most_blocks))
    forward = [draw(_targets(block, count)) for block in range(count)]
    above = _dominators(forward)
    blocks = [
        HostBlock(
            "entry",
            ("seed", "fuel tensor"),
            (Read("s", "seed", "int"), Read("f", "fuel tensor", "int")),
            Jump(Edge("block 0", (Const(1), Ref("s"), apply("add", "s", 3), Ref("f")))),
        )
    ]
    for block in range(count):
        back = draw(st.sampled_from(sorted(above[block]))) if draw(st.booleans()) else None
        blocks.append(_block(draw, block, forward[block], back))
    return HostProgram("entry", tuple(draw(st.permutations(blocks))))


def _targets(block: int, count: int) -> st.SearchStrategy[list[int]]:
    near_or_far = st.one_of(st.integers(block + 1, min(block + 3, count)), st.integers(block + 1, count))
    return st.lists(near_or_far, min_size=0, max_size=draw_width(block)).map(
        lambda targets: [t for t in targets if t < count]
    )


def draw_width(block: int) -> int:
    """Every fifth block may be a wide switch."""
    return 12 if block % 5 == 0 else 2


def _dominators(forward: list[list[int]]) -> list[set[int]]:
    """Dominators by their definition, along the order of the blocks: all forward edges lead to later ones."""
    sets: list[set[int]] = [{0}]
    for block in range(1, len(forward)):
        before = [sets[p] for p in range(block) if block in forward[p] and sets[p]]
        sets.append(set.intersection(*before) | {block} if before else set())
    return [found or {block} for block, found in enumerate(sets)]


def _edge(draw: st.DrawFn, target: int) -> Edge:
    """The parameters are passed on, swapped, or changed."""
    x, y = draw(
        st.sampled_from(
            [
                ("x", "y"),
                ("y", "x"),
                ("x", "x"),
                (apply("add", "y", 1), "x"),
                (apply("bitxor", "x", "y"), "y"),
            ]
        )
    )
    return Edge(f"block {target}", (Ref("hash"), as_expr(x), as_expr(y), Ref("left")))


def _block(draw: st.DrawFn, number: int, targets: list[int], back: int | None) -> HostBlock:
    mixed = apply("mod", apply("add", apply("mul", "h", 31), number + 1), 1_000_003)
    steps = (Let("hash", mixed), Let("left", apply("sub", "fuel", 1)))
    bit = apply("mod", apply("add", "hash", apply("mul", "x", draw(st.integers(1, 5)))), 2)
    edges = [_edge(draw, target) for target in targets]
    if back is not None and draw(st.booleans()) and edges:
        again = apply("and", apply("gt", "left", 0), apply("ne", bit, draw(st.integers(0, 1))))
        terminator: Terminator = Branch(again, _edge(draw, back), edges[0])
        if draw(st.booleans()):
            terminator = Branch(apply("not", again), edges[0], _edge(draw, back))
    elif back is not None and edges:
        index = apply("select", apply("gt", "left", 0), apply("mod", "hash", len(edges) + 1), 1)
        terminator = Switch(index, tuple(range(len(edges))), (_edge(draw, back), *edges[1:]), edges[0])
    elif not edges:
        terminator = finish() if draw(st.booleans()) else Raise("ValueError", f"in {number}", f"net.py:{number}")
    elif len(edges) == 1:
        terminator = Jump(edges[0])
    elif len(edges) == 2:
        terminator = Branch(apply("eq", bit, 0), edges[0], edges[1])
    else:
        keys = draw(st.permutations(range(len(edges) - 1)))
        terminator = Switch(apply("mod", "hash", len(edges) + 1), tuple(keys), tuple(edges[:-1]), edges[-1])
    return HostBlock(f"block {number}", ("h", "x", "y", "fuel"), steps, terminator)
