"""Binding example inputs to a forward, and naming their dimensions."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from adaptc.compiler.signature import SignatureError, apply_dims, bind, parse_dims
from adaptc.runtime.manifest import Argument
from adaptc.runtime.tree import DictNode, Leaf, ListNode, Static


class Network(torch.nn.Module):
    def forward(self, x: Any, *rest: Any, scale: float = 1.0, mask: Any = None, **options: Any) -> Any:
        return x


class Optional(torch.nn.Module):
    def forward(self, a: Any, b: Any = None, c: Any = None, d: Any = None) -> Any:
        return a


X, Y = torch.ones(2, 3), torch.zeros(2, 5)


def test_a_tensor_a_tuple_a_dict_and_both() -> None:
    forward = Optional().forward
    assert [name for name, _ in bind(forward, X).inputs] == ["a"]
    assert [name for name, _ in bind(forward, (X, Y)).inputs] == ["a", "b"]
    assert [name for name, _ in bind(forward, {"a": X, "b": Y}).inputs] == ["a", "b"]
    bound = bind(forward, ((X,), {"b": Y}))
    assert [name for name, _ in bound.inputs] == ["a", "b"]
    assert bound.inputs[1][1] is Y


def test_variadic_arguments_and_nested_inputs() -> None:
    bound = bind(Network().forward, ((X, {"h": Y}, [X]), {"scale": 2.0, "bias": (Y, 3)}))
    assert bound.arguments[0] == Argument("x", "positional", Leaf(0))
    assert bound.arguments[1] == Argument("rest[0]", "positional_only", DictNode(("h",), (Leaf(1),)))
    assert bound.arguments[2] == Argument("rest[1]", "positional_only", ListNode((Leaf(2),)))
    assert bound.arguments[3] == Argument("scale", "keyword", Static(2.0))
    assert (bound.arguments[4].name, bound.arguments[4].kind) == ("bias", "keyword")
    assert [name for name, _ in bound.inputs] == ["x", "rest[0].h", "rest[1].0", "bias.0"]
    assert bound.args == (X, {"h": Y}, [X])
    assert bound.kwargs == {"scale": 2.0, "bias": (Y, 3)}


def test_an_argument_behind_one_left_out_is_passed_by_name() -> None:
    bound = bind(Optional().forward, {"a": X, "c": Y})
    assert [(a.name, a.kind) for a in bound.arguments] == [("a", "positional"), ("c", "keyword")]
    assert bound.args == (X,)
    assert bound.kwargs == {"c": Y}


def test_a_tuple_and_a_dict_may_be_two_arguments() -> None:
    class Two(torch.nn.Module):
        def forward(self, state: Any, extra: Any) -> Any:
            return state

    bound = bind(Two().forward, ((X, Y), {"m": X}))
    assert [name for name, _ in bound.inputs] == ["state.0", "state.1", "extra.m"]


def test_names_stay_apart() -> None:
    assert [n for n, _ in bind(Network().forward, {"x": {"a.b": X, "a": {"b": Y}}}).inputs] == [
        "x.a.b",
        "x.a.b_2",
    ]


def test_inputs_that_do_not_bind() -> None:
    with pytest.raises(SignatureError, match=r"do not fit forward\(a, b=None.*missing a required argument: 'a'"):
        bind(Optional().forward, {"b": X})
    with pytest.raises(SignatureError, match="too many positional arguments"):
        bind(Optional().forward, (X, X, X, X, X))
    with pytest.raises(SignatureError, match="hold no tensor"):
        bind(Optional().forward, (3,))
    with pytest.raises(SignatureError, match="of class str"):
        bind(Optional().forward, "x")  # type: ignore[arg-type]


def test_parsing_dimensions() -> None:
    assert parse_dims(["x:0=batch,1=seq", "state.h:-1=seq", "x:2=w"]) == {
        "x": {0: "batch", 1: "seq", 2: "w"},
        "state.h": {-1: "seq"},
    }


@pytest.mark.parametrize("spec", ["x", "x:batch", "x:0=1a", ":0=batch", "x:0=a,,1=b", "x:"])
def test_malformed_dimensions(spec: str) -> None:
    with pytest.raises(SignatureError, match="is not of the form"):
        parse_dims([spec])


def test_contradicting_dimensions() -> None:
    with pytest.raises(SignatureError, match="again, after 'batch'"):
        parse_dims(["x:0=batch", "x:0=rows"])


def test_applying_dimensions() -> None:
    inputs = [("x", torch.ones(2, 3)), ("y", torch.ones(3, 2))]
    assert apply_dims(inputs, {"x": {0: "batch"}, "y": {-1: "batch"}}) == {
        "x": ("batch", 3),
        "y": (3, "batch"),
    }
    assert apply_dims(inputs, {}) == {"x": (2, 3), "y": (3, 2)}


def test_every_dimension_that_does_not_fit_is_listed() -> None:
    inputs = [("x", torch.ones(2, 3)), ("y", torch.ones(4))]
    with pytest.raises(SignatureError) as caught:
        apply_dims(inputs, {"z": {0: "b"}, "x": {0: "batch", 2: "w"}, "y": {0: "batch"}})
    message = str(caught.value)
    assert "there is no input 'z'; the inputs are 'x', 'y'" in message
    assert "'x' has no axis 2: its shape is (2, 3)" in message
    assert "'batch' is 2 in axis 0 of 'x' and 4 in axis 0 of 'y'" in message
