"""Enumerating paths, and covering branches where there are too many."""

from __future__ import annotations

import random

import pytest

from adaptc.compiler.ir.program import Block, Program
from adaptc.compiler.verify.extents import extent
from adaptc.compiler.verify.paths import Path, PathSet, follow, paths
from adaptc.compiler.verify.search import Search
from adaptc.compiler.verify.solve import values_of
from adaptc.compiler.verify.symbolic import BranchEdge, Walker
from adaptc.compiler.verify.terms import evaluate
from adaptc.runtime.hostprogram import Jump, Raise, Size, Switch

from .skeletons import block, branch, done, op, program, to


def blocks_of(found: PathSet) -> list[str]:
    return [" ".join(path.blocks) for path in found.paths]


def check(found: PathSet) -> PathSet:
    """Every path's values satisfy its own constraints."""
    for path in found.paths:
        values = values_of(path.facts)
        for _, constraint in path.constraints:
            assert bool(evaluate(constraint.term, values)) == constraint.wanted or constraint.wanted is None
    return found


def covered(found: PathSet) -> set[BranchEdge]:
    return {decision.edge for path in found.paths for decision in path.decisions}


def gates(count: int) -> Program:
    items: list[Block] = []
    for i in range(count):
        after = f"g{i + 1}"
        items.append(block(f"g{i}", branch(f"p{i}", to(f"run{i}"), to(after)), reads={f"p{i}": "bool"}))
        items.append(block(f"run{i}", Jump(to(after))))
    return program(*items, block(f"g{count}", done()))


def exits(count: int) -> Program:
    items = [
        block(f"e{i}", branch(op("gt", f"p{i}", 0.5), to("leave"), to(f"e{i + 1}")), reads={f"p{i}": "float"})
        for i in range(count)
    ]
    return program(*items, block(f"e{count}", Jump(to("leave"))), block("leave", done()))


def patience(layers: int, enough: int) -> Program:
    """A counter of agreements in a row; leaves when there are enough."""
    items = [block("entry", Jump(to("l0", 0)))]
    for i in range(layers):
        items.append(
            block(
                f"l{i}",
                branch(f"same{i}", to(f"t{i}", op("add", "k", 1)), to(f"t{i}", 0)),
                "k",
                {f"same{i}": "bool"},
            )
        )
        items.append(block(f"t{i}", branch(op("ge", "k", enough), to("leave"), to(f"l{i + 1}", "k")), "k"))
    return program(*items, block(f"l{layers}", Jump(to("leave")), "k"), block("leave", done()))


def test_all_paths_of_a_small_program() -> None:
    found = check(paths(gates(3)))
    assert found.complete
    assert len(found.paths) == 8
    assert blocks_of(found)[0] == "g0 run0 g1 run1 g2 run2 g3"
    assert blocks_of(found)[-1] == "g0 g1 g2 g3"
    assert [decision.taken for decision in found.paths[1].decisions] == [True, True, False]
    assert found.paths[1].forced(values_of(found.paths[1].facts)) == (True, True, False)
    assert found.untaken == ()


def test_two_hundred_gates_are_covered_by_a_few_paths() -> None:
    found = check(paths(gates(200)))
    assert not found.complete
    assert len(covered(found)) == 400
    assert len(found.paths) <= 12
    assert found.untaken == ()


def test_two_hundred_exits_need_a_path_each() -> None:
    found = check(paths(exits(200)))
    assert len(covered(found)) == 400
    assert len({path.key for path in found.paths}) == len(found.paths)
    assert found.untaken == ()


def test_the_same_seed_gives_the_same_paths() -> None:
    assert blocks_of(paths(gates(30), seed=3)) == blocks_of(paths(gates(30), seed=3))
    assert blocks_of(paths(gates(30), seed=3)) != blocks_of(paths(gates(30), seed=4))


def test_a_read_tested_twice_decides_both_branches() -> None:
    net = program(
        block("a", branch(op("gt", "p", 0.5), to("b", "p"), to("b", "p")), reads={"p": "float"}),
        block("b", branch(op("gt", "q", 0.3), to("yes"), to("no")), "q"),
        block("yes", done()),
        block("no", done()),
    )
    found = check(paths(net))
    assert [[d.taken for d in path.decisions] for path in found.paths] == [
        [True, True],
        [False, True],
        [False, False],
    ]
    assert found.complete


def test_an_exit_that_patience_cannot_reach() -> None:
    found = check(paths(patience(3, 2)))
    assert found.complete
    # After one layer the counter is at most 1: leaving there is infeasible.
    assert {(item.edge.block, item.edge.index) for item in found.untaken} == {("t0", 0)}
    assert "no values of the reads" in found.untaken[0].reason or "constants" in found.untaken[0].reason
    for path in found.paths:
        assert path.blocks.count("leave") == 1


@pytest.mark.parametrize(("layers", "enough"), [(12, 3), (24, 6)])
def test_patience_over_many_layers_is_covered(layers: int, enough: int) -> None:
    found = check(paths(patience(layers, enough)))
    assert not found.complete
    impossible = {BranchEdge(f"t{i}", 0) for i in range(enough - 1)}
    assert {item.edge for item in found.untaken} == impossible
    assert len(covered(found)) == 4 * layers - len(impossible)


def test_a_counter_summed_from_reads() -> None:
    items = [block("entry", Jump(to("s0", 0)))]
    items += [
        block(f"s{i}", Jump(to(f"s{i + 1}", op("add", "k", op("int", f"f{i}")))), "k", {f"f{i}": "bool"})
        for i in range(8)
    ]
    items += [
        block(
            "s8",
            Switch(
                op("add", "k", 0),
                (0, 3, 8, 9),
                (to("none"), to("three"), to("all"), to("never")),
                to("other"),
            ),
            "k",
        )
    ]
    items += [block(name, done()) for name in ("none", "three", "all", "never", "other")]
    found = check(paths(program(*items)))
    assert [path.blocks[-1] for path in found.paths] == ["none", "three", "all", "other"]
    sums = [sum(value or 0 for value in path.forced(values_of(path.facts))) for path in found.paths]
    assert sums[:3] == [0, 3, 8]
    assert [(d.taken, d.edge.index) for path in found.paths for d in path.decisions] == [
        (0, 0),
        (3, 1),
        (8, 2),
        (sums[3], 4),
    ]
    assert [(item.edge, item.taken) for item in found.untaken] == [(BranchEdge("s8", 3), 9)]


def test_tests_on_input_sizes_follow_the_inputs() -> None:
    net = program(
        block("a", branch(op("gt", Size("x", 0), 3), to("many"), to("few"))),
        block("many", done()),
        block("few", done()),
        shape=("batch", 4),
    )
    found = paths(net, shapes={"x": (5, 4)})
    assert blocks_of(found) == ["a many"]
    assert found.paths[0].decisions[0].choice is False
    assert "known sizes" in found.untaken[0].reason
    assert blocks_of(paths(net, shapes={"x": (2, 4)})) == ["a few"]
    # Without the inputs, either may happen, and nothing can force it.
    unknown = paths(net)
    assert blocks_of(unknown) == ["a many", "a few"]
    assert not unknown.paths[0].forceable


def test_derived_sizes_are_computed() -> None:
    sizes = {"batch": 3, "seq": 5}
    assert extent("2*batch + 1", sizes) == 7
    assert extent("(batch - seq)//2", sizes) == -1
    assert extent("-seq % 4", sizes) == 3
    assert extent(4, sizes) == 4
    for unknown in ("found", "2*found", "batch//0", "Max(1, batch)", "batch +"):
        assert extent(unknown, sizes) is None


def test_the_size_of_an_intermediate_tensor_is_tested_consistently() -> None:
    net = program(
        block("a", branch(op("gt", Size("rows", 0), 3), to("b", "rows"), to("b", "rows")), rows=["rows"]),
        block("b", branch(op("eq", Size("r", 0), 0), to("none"), to("some")), "r"),
        block("none", done()),
        block("some", done()),
    )
    found = paths(net)
    assert [[d.taken for d in path.decisions] for path in found.paths] == [
        [True, False],
        [False, True],
        [False, False],
    ]
    assert not any(path.forceable for path in found.paths)


def test_paths_that_raise_and_undefined_arithmetic() -> None:
    net = program(
        block("a", branch(op("lt", "n", 1), to("fail"), to("b", "n")), reads={"n": "int"}),
        block("fail", Raise("ValueError", "no rows", "net.py:9")),
        block("b", done("ratio"), "n", lets=[("ratio", op("truediv", 1, op("sub", "n", 1)))]),
    )
    found = check(paths(net))
    assert [path.raises for path in found.paths] == ["ValueError", ""]
    assert found.paths[1].forced(values_of(found.paths[1].facts)) != (1,)


def test_a_loop_on_data_is_repeated_a_few_times() -> None:
    net = program(
        block("entry", Jump(to("head"))),
        block("head", branch("more", to("body"), to("end")), reads={"more": "bool"}),
        block("body", Jump(to("head"))),
        block("end", done()),
    )
    found = check(paths(net))
    assert not found.complete
    assert [path.blocks.count("body") for path in found.paths] == [3, 2, 1, 0]
    assert [path.forced(values_of(path.facts)) for path in found.paths][1] == (True, True, False)
    assert found.untaken == ()


def test_a_counted_loop_runs_to_its_end() -> None:
    net = program(
        block("entry", Jump(to("head", 0))),
        block("head", branch(op("lt", "k", 50), to("body", "k"), to("end")), "k"),
        block(
            "body",
            branch("skip", to("head", op("add", "k", 1)), to("head", op("add", "k", 2))),
            "k",
            {"skip": "bool"},
        ),
        block("end", done()),
    )
    found = check(paths(net))
    assert not found.complete
    assert covered(found) == {BranchEdge(name, index) for name in ("head", "body") for index in (0, 1)}
    for path in found.paths:
        assert path.blocks[-1] == "end"
        steps = [1 if value else 2 for value in path.forced(values_of(path.facts))]
        assert sum(steps[:-1]) < 50 <= sum(steps)


def test_a_loop_that_must_go_on_longer_than_choices_are_repeated() -> None:
    net = program(
        block("entry", Jump(to("head", 0))),
        block("head", branch(op("lt", "k", 9), to("body", "k"), to("end")), "k"),
        block("body", Jump(to("head", op("add", "k", op("int", "hit")))), "k", {"hit": "bool"}),
        block("end", done()),
    )
    found = check(paths(net))
    assert found.untaken == ()
    assert all(sum(bool(v) for v in path.forced(values_of(path.facts))) == 9 for path in found.paths)


def test_a_branch_edge_is_not_sought_at_any_cost() -> None:
    count = 12
    items = [block("entry", Jump(to("g0", 0)))]
    for i in range(count):
        after = to(f"g{i + 1}", op("add", "k", op("mul", f"p{i}", f"p{i}")))
        items.append(block(f"g{i}", branch(op("gt", f"p{i}", 0), after, after), "k", {f"p{i}": "int"}))
    never = block(f"g{count}", branch(op("lt", "k", 0), to("left"), to("right")), "k")
    walker = Walker(program(*items, never, block("left", done()), block("right", done())), {}, {})
    leaves = Search(walker, random.Random(0)).covering()
    assert {leaf.line()[-1].block for leaf in leaves} == {"right"}
    assert walker.solver.tries < 60_000  # 24 million without a limit


def test_following_a_path() -> None:
    net = patience(3, 2)
    walker = Walker(net, {}, {})
    path = follow(walker, [0, 1, 0, 0])
    assert isinstance(path, Path)
    assert path.blocks == ("entry", "l0", "t0", "l1", "t1", "leave")
    assert path.forced(values_of(path.facts)) == (True, True)
    assert follow(walker, [0, 0]) is None
    assert follow(walker, [0, 1]) is None
