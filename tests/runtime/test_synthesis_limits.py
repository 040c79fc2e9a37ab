"""Networks that are deep or wide: the source stays within what CPython compiles, and means the same."""

from __future__ import annotations

from typing import Any

import pytest

from adaptc.runtime.errors import ArtifactError, NetworkError
from adaptc.runtime.hostprogram import (
    Branch,
    Edge,
    HostBlock,
    HostProgram,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Switch,
    Terminator,
)
from adaptc.runtime.probing import Probe
from adaptc.runtime.synthesis import host_function, host_source

from .graphs import INPUTS, apply, finish
from .reference import interpret


def block(number: str, terminator: Terminator, add: int = 1) -> HostBlock:
    """A block that takes the running `hash` and `x` and passes them on, `hash` changed."""
    mixed = apply("mod", apply("add", apply("mul", "h", 31), add), 1_000_003)
    return HostBlock(number, ("h", "x"), (Let("hash", mixed),), terminator)


def go(target: str) -> Edge:
    return Edge(target, (Ref("hash"), Ref("x")))


def bit(number: int) -> Any:
    """Whether bit `number` of the input is set: gate `number` of a network."""
    return apply("eq", apply("mod", apply("rshift", "x", number), 2), 1)


def program(*blocks: HostBlock) -> HostProgram:
    entry = HostBlock(
        "entry",
        ("seed", "fuel"),
        (Read("s", "seed", "int"), Read("f", "fuel", "int")),
        Jump(Edge(blocks[0].name, (Ref("f"), Ref("s")))),
    )
    return HostProgram("entry", (entry, *blocks))


def skip_gates(count: int) -> HostProgram:
    blocks: list[HostBlock] = []
    for i in range(count):
        blocks.append(block(f"gate {i}", Branch(bit(i), go(f"body {i}"), go(f"gate {i + 1}"))))
        blocks.append(block(f"body {i}", Jump(go(f"gate {i + 1}")), i))
    return program(*blocks, block(f"gate {count}", finish()))


def early_exits(count: int) -> HostProgram:
    blocks: list[HostBlock] = []
    for i in range(count):
        blocks.append(block(f"layer {i}", Branch(bit(i), go(f"head {i}"), go(f"layer {i + 1}"))))
        blocks.append(block(f"head {i}", finish(), i))
    return program(*blocks, block(f"layer {count}", finish()))


def exits_to_one_head(count: int) -> HostProgram:
    layers = [block(f"layer {i}", Branch(bit(i), go("head"), go(f"layer {i + 1}")), i) for i in range(count)]
    return program(*layers, block(f"layer {count}", Jump(go("head"))), block("head", finish()))


def nested_gates(count: int) -> HostProgram:
    blocks: list[HostBlock] = []
    for i in range(count):
        blocks.append(block(f"in {i}", Branch(bit(i), go(f"in {i + 1}"), go(f"out {i}")), i))
        blocks.append(block(f"out {i}", Jump(go(f"out {i - 1}")) if i else finish(), 7 * i))
    return program(*blocks, block(f"in {count}", Jump(go(f"out {count - 1}"))))


def nested_ifs_that_return(count: int) -> HostProgram:
    blocks: list[HostBlock] = []
    for i in range(count):
        blocks.append(block(f"in {i}", Branch(bit(i), go(f"left {i}"), go(f"right {i}")), i))
        end: Terminator = Raise("ValueError", f"{i}", "net.py:1") if i % 3 == 0 else finish()
        blocks.append(block(f"left {i}", end if i % 2 else Jump(go(f"in {i + 1}")), 3 * i))
        blocks.append(block(f"right {i}", Jump(go(f"in {i + 1}")) if i % 2 else end, 5 * i))
    return program(*blocks, block(f"in {count}", finish()))


def nested_loops(count: int) -> HostProgram:
    """Loop i runs while its bit is set, which its body clears; every loop can also leave all loops."""
    blocks: list[HostBlock] = []
    for i in range(count):
        out = f"after {i - 1}" if i else "end"
        blocks.append(block(f"loop {i}", Branch(bit(i), go(f"body {i}"), go(out)), i))
        cleared = Edge(f"loop {i + 1}", (Ref("hash"), apply("sub", "x", 1 << i)))
        leaves = apply("eq", apply("mod", "hash", 11), 0)
        blocks.append(block(f"body {i}", Branch(leaves, go("end"), cleared), i))
        blocks.append(block(f"after {i}", Jump(go(f"loop {i}")), 2 * i))
    return program(*blocks, block(f"loop {count}", Jump(go(f"after {count - 1}"))), block("end", finish()))


def wide_switch(count: int) -> HostProgram:
    """Experts: some return, some join; the keys come in no order."""
    keys = tuple((7 * i) % count * 2 for i in range(count))
    edges = tuple(go(f"expert {i}") for i in range(count))
    index = apply("mod", "x", 2 * count + 3)
    experts = [block(f"expert {i}", finish() if i % 4 == 0 else Jump(go("join")), 13 * i) for i in range(count)]
    return program(
        block("router", Switch(index, keys, edges, go("default"))),
        *experts,
        block("default", Jump(go("join")), 5),
        block("join", finish()),
    )


NETWORKS = {
    "300 skip gates": skip_gates(300),
    "200 early exits": early_exits(200),
    "200 exits to one head": exits_to_one_head(200),
    "300 nested gates": nested_gates(300),
    "300 nested ifs that return": nested_ifs_that_return(300),
    "40 nested loops": nested_loops(40),
    "7 experts": wide_switch(7),
    "400 experts": wide_switch(400),
}


def outcome(run: Any, *inputs: Any) -> tuple[Any, ...]:
    try:
        return tuple(run(*inputs)[:2])
    except NetworkError as error:
        return error.exception, error.message, error.loc


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("probed", [False, True])
def test_deep_and_wide_networks(network: str, probed: bool) -> None:
    host = NETWORKS[network]
    function: Any = host_function(host_source(host, (), INPUTS, probed=probed), (), {})
    ones = (1 << 300) - 1
    few = [0, 1, 2, 3, 5, 27, 1 << 7, 1 << 40, 1 << 150, (1 << 299) + 5, 0x5A5A5A, 977, 978, 1234567]
    seen = set()
    for seed in few if "loops" in network else [*few, ones, ones - (1 << 16), ones - (1 << 250), ones // 3]:
        inputs = _Item(seed), _Item(1)
        expected = outcome(lambda *args: interpret(host, args, {}), *inputs)
        assert outcome(function, *([Probe()] if probed else []), *inputs) == expected
        seen.add(expected)
    assert len(seen) > 5


class _Item:
    """A 0-d tensor of any size of integer."""

    def __init__(self, value: int) -> None:
        self.value = value

    def item(self) -> int:
        return self.value


def test_a_loop_with_two_entries_is_refused() -> None:
    host = program(
        block("top", Branch(bit(0), go("left"), go("right"))),
        block("left", Branch(bit(1), go("right"), go("end"))),
        block("right", Branch(bit(2), go("left"), go("end"))),
        block("end", finish()),
    )
    with pytest.raises(ArtifactError, match=r"the loop through block '(left|right)' is entered at more than one"):
        host_source(host, (), INPUTS)
