"""Moves along edges happen all at once, whatever order they are written in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from adaptc.runtime.moves import move_lines

NAMES = ["a", "b", "c", "d", "e", "f"]


@given(st.data())
def test_moves_are_parallel(data: st.DataObject) -> None:
    targets = data.draw(st.lists(st.sampled_from(NAMES), unique=True))
    reads = [data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3)) for _ in targets]
    texts = [" * 3 + ".join(read) for read in reads]
    before = {name: 7**place for place, name in enumerate(NAMES)}
    after = {**before, **{target: eval(text, dict(before)) for target, text in zip(targets, texts, strict=True)}}
    found = dict(before)
    exec("\n".join(move_lines(targets, texts, reads)), {}, found)
    assert found == after


def test_only_circles_need_a_tuple() -> None:
    assert move_lines(["a", "b"], ["b", "a"], ["b", "a"]) == ["a, b = b, a"]
    assert move_lines(["a", "b", "c"], ["b", "c", "1"], ["b", "c", ""]) == ["a = b", "b = c", "c = 1"]
    assert move_lines(["a", "b"], ["a", "a + 1"], ["a", "a"]) == ["b = a + 1"]
