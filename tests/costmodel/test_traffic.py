"""How far what kernels touch lies from the processor."""

from __future__ import annotations

import math

import pytest

from adaptc.costmodel.graph import graph_of
from adaptc.costmodel.kernels.engine import kernels_of
from adaptc.costmodel.kernels.traffic import DISTANCES
from adaptc.costmodel.mlir import read_functions

KIB = 1024


def distant(*lines: str, **arguments: str) -> dict[int, float]:
    """The distant bytes of a function of these operations; each argument has its type."""
    given = ", ".join(f"%{name}: !torch.vtensor<{type_}>" for name, type_ in arguments.items())
    text = "\n".join(["module {", f"func.func @f({given}) {{", *lines, "}", "}"])
    (function,) = read_functions(text)
    return dict(kernels_of(graph_of(function.blocks[0]), 8).distant)


def op(name: str, result: str, *operands: str, size: str) -> str:
    """A call on tensors of one size."""
    type_ = f"!torch.vtensor<{size}>"
    values = ", ".join(f"%{operand}" for operand in operands)
    return f'%{result} = "torch.aten.{name}"({values}) : ({", ".join([type_] * len(operands))}) -> {type_}'


def test_what_is_small_is_near() -> None:
    assert distant(op("relu", "y", "x", size="[1,64],f32"), x="[1,64],f32") == {}


def test_what_is_touched_again_lies_as_far_as_what_was_touched_meanwhile() -> None:
    half = 256 * KIB  # of input, and as much of output
    size = f"[{half // 4}],f32"
    found = distant(op("relu", "y", "x", size=size), x=size)
    both = 2 * half
    assert found[128 * KIB] == both, "both lie more than double as far"
    assert found[256 * KIB] == pytest.approx(both * math.log2(both / (256 * KIB)))
    assert 512 * KIB not in found, "no more than the two was touched"


def test_bytes_further_away_count_in_nearer_distances_too() -> None:
    size = f"[{8 * KIB * KIB // 4}],f32"
    found = distant(op("relu", "y", "x", size=size), x=size)
    assert [found.get(distance, 0.0) for distance in DISTANCES[:5]] == [16 * KIB * KIB] * 5
    assert sorted(found.values(), reverse=True) == list(found.values())


def test_results_take_the_place_of_what_is_not_used_any_more() -> None:
    size = f"[{128 * KIB // 4}],f32"
    chain = [op("relu", "a", "x", size=size)]
    chain += [op("tanh", after, before, size=size) for before, after in zip("abcdef", "bcdefg")]
    long = distant(*chain, op("tanh", "y", "g", size=size), x=size)
    short = distant(op("relu", "a", "x", size=size), op("tanh", "y", "a", size=size), x=size)
    assert long.get(512 * KIB, 0.0) == short.get(512 * KIB, 0.0) == 0.0


def test_a_lookup_reads_no_more_than_it_gives() -> None:
    table, rows = "!torch.vtensor<[65536,64],f32>", "!torch.vtensor<[4],si64>"
    line = f'%y = "torch.aten.embedding"(%w, %i) : ({table}, {rows}) -> !torch.vtensor<[4,64],f32>'
    assert distant(line, w="[65536,64],f32", i="[4],si64") == {}
