"""Trees to nested Python values and back."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptc.runtime import InputError
from adaptc.runtime.structure import Builders, flattener, leaf_paths
from adaptc.runtime.tree import (
    DictNode,
    Leaf,
    ListNode,
    NamedTupleNode,
    RecordNode,
    Static,
    Tree,
    TupleNode,
)

NESTED = TupleNode(
    (
        Leaf(1),
        ListNode((Leaf(0), Static("fixed"))),
        DictNode(("a", 2, None), (Leaf(2), TupleNode(()), Static(None))),
        TupleNode((Leaf(0),)),
    )
)
POINT = NamedTupleNode("Point", ("x", "y"), (Leaf(0), Leaf(1)))
RECORD = RecordNode("State", ("h", "c"), (Leaf(0), ListNode((Leaf(1),))))
MODEL_OUTPUT = RecordNode("ModelOutput", ("loss", "logits", "hidden"), (Static(None), Leaf(0), Leaf(1)), mapping=True)


def build(tree: Tree, *leaves: Any) -> Any:
    return Builders().builder(tree)(leaves)


def flatten(tree: Tree, value: Any, count: int) -> Sequence[Any]:
    flat = [None] * count
    flattener(tree, "state")(value, flat)
    return flat


def test_builds_nested_values() -> None:
    assert build(NESTED, "p", "q", "r") == ("q", ["p", "fixed"], {"a": "r", 2: (), None: None}, ("p",))
    assert build(Leaf(1), "p", "q") == "q"
    assert build(TupleNode((Leaf(1), Leaf(0))), "p", "q") == ("q", "p")
    assert list(build(DictNode(("z", "a"), (Leaf(0), Leaf(0))), "p")) == ["z", "a"]


def test_named_tuple_is_like_the_networks_own() -> None:
    point = build(POINT, 1, 2)
    own = namedtuple("Point", ["x", "y"])(1, 2)
    assert point == own
    assert repr(point) == repr(own)
    assert (point.x, point.y, type(point).__name__, point._fields) == (1, 2, "Point", ("x", "y"))


def test_record_is_a_dataclass() -> None:
    builder = Builders().builder(RECORD)
    state = builder([1, 2])
    assert dataclasses.asdict(state) == {"h": 1, "c": [2]}
    assert repr(state) == "State(h=1, c=[2])"
    assert state == builder([1, 2])
    assert state != builder([1, 3])


def test_equal_records_of_different_trees_share_their_class() -> None:
    builders = Builders()
    first, second = builders.builder(RECORD), builders.builder(ListNode((RECORD, POINT, POINT)))
    assert first([1, 2]) == second([1, 2])[0]
    assert type(second([1, 2])[1]) is type(second([1, 2])[2])


def test_mapping_record_leaves_out_none() -> None:
    output = build(MODEL_OUTPUT, "l", "h")
    assert output.loss is None
    assert (output["logits"], output[0], output[1], output[:1], output.logits) == ("l", "l", "h", ("l",), "l")
    assert (list(output.keys()), list(output.values()), list(output)) == (
        ["logits", "hidden"],
        ["l", "h"],
        ["logits", "hidden"],
    )
    assert dict(output.items()) == {"logits": "l", "hidden": "h"}
    assert (output.to_tuple(), len(output), "loss" in output, "logits" in output) == (("l", "h"), 2, False, True)
    assert repr(output) == "ModelOutput(loss=None, logits='l', hidden='h')"
    with pytest.raises(KeyError):
        output["loss"]


def trees() -> st.SearchStrategy[Tree]:
    leaf = st.one_of(st.integers(0, 4).map(Leaf), st.sampled_from([Static(None), Static(3), Static("s"), Static(0.5)]))
    names = st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, max_size=3).map(tuple)

    def inner(child: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
        items = st.lists(child, max_size=3).map(tuple)
        named = names.flatmap(lambda keys: st.tuples(st.just(keys), st.tuples(*[child] * len(keys))))
        return st.one_of(
            items.map(TupleNode),
            items.map(ListNode),
            named.map(lambda pair: DictNode(*pair)),
            named.map(lambda pair: NamedTupleNode("N", *pair)),
            named.map(lambda pair: RecordNode("R", *pair)),
            named.map(lambda pair: RecordNode("M", *pair, mapping=True)),
        )

    return st.recursive(leaf, inner, max_leaves=8)


@given(trees())
def test_flatten_undoes_build(tree: Tree) -> None:
    leaves = [f"leaf {i}" for i in range(5)]
    flat = flatten(tree, build(tree, *leaves), 5)
    for index in leaf_paths(tree, "root"):
        assert flat[index] == leaves[index]


def test_leaf_paths() -> None:
    tree = DictNode(("a", 1), (ListNode((Static(0), TupleNode((Leaf(0),)))), RecordNode("R", ("h",), (Leaf(1),))))
    assert leaf_paths(tree, "state") == {0: "state['a'][1][0]", 1: "state[1].h"}
    assert leaf_paths(Leaf(3), "x") == {3: "x"}


def test_flatten_takes_what_has_the_fields() -> None:
    assert flatten(POINT, SimpleNamespace(x=1, y=2), 2) == [1, 2]
    assert flatten(RECORD, {"h": 1, "c": (2,)}, 2) == [1, 2]
    assert flatten(POINT, namedtuple("P", ["y", "x"])(2, 1), 2) == [1, 2]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, r"argument 'state' is 3, expected a tuple of 4"),
        ((1, 2), r"argument 'state' is a tuple of 2, expected a tuple of 4"),
        ((1, [0], {}, ()), r"argument 'state\[1\]' is a list of 1, expected a list of 2"),
        ((1, [0, "other"], {}, ()), r"argument 'state\[1\]\[1\]' is 'other', but the network was compiled for 'fixed'"),
        (
            (1, [0, "fixed"], {"a": 1}, ()),
            r"argument 'state\[2\]' is a dict with the keys 'a', expected a dict with the keys 'a', 2",
        ),
        (
            (1, [0, "fixed"], {"a": 1, 2: (), None: 0}, ()),
            r"argument 'state\[2\]\[None\]' is 0, but the network was compiled for None",
        ),
        ((1, [0, "fixed"], [], ()), r"argument 'state\[2\]' is a list of 0, expected a dict with"),
    ],
)
def test_what_does_not_fit_is_named(value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        flatten(NESTED, value, 3)


def test_missing_field_is_named() -> None:
    with pytest.raises(
        InputError, match=r"argument 'state' is a SimpleNamespace, expected a State with the fields h, c"
    ):
        flatten(RECORD, SimpleNamespace(h=1), 2)


@pytest.mark.parametrize(("expected", "given"), [(1, True), (True, 1), (1, 1.0), (None, 0), ("a", "b")])
def test_static_values_are_compared_with_their_types(expected: Any, given: Any) -> None:
    with pytest.raises(InputError, match="was compiled for"):
        flatten(Static(expected), given, 0)
