"""Taking nested values apart and putting them together."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from adaptc.compiler.structure import StructureError, flatten, leaf_paths, rebuild
from adaptc.runtime.tree import (
    DictNode,
    Leaf,
    ListNode,
    NamedTupleNode,
    RecordNode,
    Static,
    TupleNode,
)

Pair = namedtuple("Pair", ["first", "second"])


@dataclass
class State:
    h: torch.Tensor
    step: int
    note: str | None = None


@dataclass(frozen=True)
class Frozen:
    h: torch.Tensor


def test_every_kind_of_container() -> None:
    a, b, c = torch.ones(1), torch.ones(2), torch.ones(3)
    tree, leaves = flatten({"x": (a, [b, 3]), "s": State(c, 7), 4: Pair("text", None)}, "leaf")
    assert tree == DictNode(
        ("x", "s", 4),
        (
            TupleNode((Leaf(0), ListNode((Leaf(1), Leaf(2))))),
            RecordNode("State", ("h", "step", "note"), (Leaf(3), Leaf(4), Static(None))),
            NamedTupleNode("Pair", ("first", "second"), (Static("text"), Static(None))),
        ),
    )
    assert [id(leaf) for leaf in leaves if isinstance(leaf, torch.Tensor)] == [id(a), id(b), id(c)]
    assert [leaf for leaf in leaves if not isinstance(leaf, torch.Tensor)] == [3, 7]


def test_numbers_of_arguments_stay_in_the_tree() -> None:
    tree, leaves = flatten((True, 2, 0.5, np.int64(4)), "static")
    assert tree == TupleNode((Static(True), Static(2), Static(0.5), Static(4)))
    assert leaves == []


def test_numpy_scalars_become_python_numbers() -> None:
    _, leaves = flatten([np.float64(0.5), np.bool_(True), np.int32(3)], "leaf")
    assert [(type(leaf), leaf) for leaf in leaves] == [(float, 0.5), (bool, True), (int, 3)]


def test_size_and_torch_return_types() -> None:
    tree, leaves = flatten([torch.Size([2, 3]), torch.ones(2, 3).max(dim=1)], "leaf")
    assert isinstance(tree, ListNode)
    assert tree.items[0] == TupleNode((Leaf(0), Leaf(1)))
    assert tree.items[1] == NamedTupleNode("max", ("values", "indices"), (Leaf(2), Leaf(3)))
    assert leaves[:2] == [2, 3]
    again = rebuild([torch.Size([2, 3]), torch.ones(2, 3).max(dim=1)], leaves, "leaf")
    assert isinstance(again[0], torch.Size)
    assert type(again[1]) is torch.return_types.max


def test_symbolic_numbers_are_leaves() -> None:
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    symbol = ShapeEnv().create_unbacked_symint()
    tree, leaves = flatten({"n": symbol}, "static")
    assert tree == DictNode(("n",), (Leaf(0),))
    assert leaves[0] is symbol


def test_model_output_of_transformers() -> None:
    outputs = pytest.importorskip("transformers.modeling_outputs")
    value = outputs.BaseModelOutput(last_hidden_state=torch.ones(2), hidden_states=(torch.ones(3),))
    tree, leaves = flatten(value, "leaf")
    assert tree == RecordNode(
        "BaseModelOutput",
        ("last_hidden_state", "hidden_states", "attentions"),
        (Leaf(0), TupleNode((Leaf(1),)), Static(None)),
        True,
    )
    again = rebuild(value, [leaf + 1 for leaf in leaves])
    assert type(again) is type(value)
    assert list(again) == ["last_hidden_state", "hidden_states"]
    assert torch.equal(again["last_hidden_state"], torch.full((2,), 2.0))
    assert torch.equal(value.last_hidden_state, torch.ones(2))


def test_rebuild_keeps_classes_and_leaves_the_original_alone() -> None:
    value = OrderedDict(p=Pair(torch.zeros(1), 2), f=Frozen(torch.zeros(2)), s=State(torch.zeros(3), 1, "n"))
    _, leaves = flatten(value, "static")
    again = rebuild(value, [leaf + 5 for leaf in leaves])
    assert isinstance(again, OrderedDict)
    assert isinstance(again["p"], Pair)
    assert again["p"].second == 2
    assert isinstance(again["f"], Frozen)
    assert torch.equal(again["f"].h, torch.full((2,), 5.0))
    assert dataclasses.astuple(again["s"])[1:] == (1, "n")
    assert torch.equal(value["s"].h, torch.zeros(3))


def test_rebuild_refuses_another_number_of_leaves() -> None:
    with pytest.raises(ValueError, match="too few"):
        rebuild((torch.ones(1), torch.ones(1)), [torch.ones(1)])
    with pytest.raises(ValueError, match="2 leaves were given where the structure holds 1"):
        rebuild((torch.ones(1),), [torch.ones(1), torch.ones(1)])


def test_leaf_paths_read_as_python_and_as_names() -> None:
    tree, _ = flatten({"aux": [torch.ones(1), State(torch.ones(1), 3)]}, "leaf")
    assert leaf_paths(tree) == [
        ("output['aux'][0]", 0),
        ("output['aux'][1].h", 1),
        ("output['aux'][1].step", 2),
    ]
    assert [name for name, _ in leaf_paths(tree, "x", dotted=True)] == [
        "x.aux.0",
        "x.aux.1.h",
        "x.aux.1.step",
    ]


def test_a_shared_list_is_no_cycle() -> None:
    shared = [torch.ones(1)]
    assert len(flatten((shared, shared), "leaf")[1]) == 2


def test_a_cycle_is_refused() -> None:
    cyclic: list[object] = [torch.ones(1)]
    cyclic.append(cyclic)
    with pytest.raises(StructureError, match=r"output\[1\] is a container that holds itself"):
        flatten(cyclic, "leaf")


@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ({"aux": State(object(), 1)}, "output['aux'].h", "an object of class object"),  # type: ignore[arg-type]
        ([{1, 2}], "output[0]", "an object of class set"),
        ((np.ones(2),), "output[0]", "an object of class numpy.ndarray"),
        ({(1, 2): 3}, "output", "a dict with a key of class tuple"),
        ([1j], "output[0]", "an object of class complex"),
    ],
)
def test_other_objects_are_refused_where_they_stand(value: object, path: str, found: str) -> None:
    with pytest.raises(StructureError) as caught:
        flatten(value, "leaf")
    assert (caught.value.path, caught.value.found) == (path, found)
    assert str(caught.value).startswith(f"{path} is {found}")
