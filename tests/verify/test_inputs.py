"""Random inputs like the examples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adaptc.compiler.signature import Bound, SignatureError, bind
from adaptc.compiler.verify.inputs import input_set, like, random_inputs


def forward(x: Tensor, ids: Tensor, mask: Any = None, scale: float = 1.0) -> Tensor:
    return x


def example() -> Bound:
    return bind(
        forward,
        (
            (torch.randn(4, 50) * 3 + 10, torch.randint(5, 9, (4, 7))),
            {"mask": [torch.ones(4) > 0], "scale": 2.0},
        ),
    )


def test_values_are_like_the_example() -> None:
    (drawn,) = random_inputs(example(), {}, 1, seed=0)
    x, ids = drawn.args[:2]
    assert (x.shape, x.dtype) == ((4, 50), torch.float32)
    assert 9 < x.mean() < 11
    assert 2.3 < x.std() < 3.7
    assert set(ids.flatten().tolist()) <= {5, 6, 7, 8}
    assert ids.dtype == torch.int64
    # `mask` is positional in forward's own signature, so it is bound as such; all true it stays.
    assert drawn.args[2][0].all()
    assert drawn.kwargs == {} or drawn.kwargs == {"scale": 2.0}


def test_the_arrays_are_the_tensors() -> None:
    bound = example()
    given = input_set("x", bound)
    assert np.array_equal(given.array_args[0], bound.args[0].numpy())
    assert isinstance(given.array_args[2][0], np.ndarray)
    assert given.shapes == {"x": (4, 50), "ids": (4, 7), "mask.0": (4,)}


def test_the_seed_decides() -> None:
    bound = example()
    one, two, three = (random_inputs(bound, {}, 2, seed)[1].args[0] for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_named_dimensions_vary_together() -> None:
    bound = bind(forward, (torch.randn(2, 6), torch.zeros(2, 3, dtype=torch.int64)))
    drawn = random_inputs(bound, {"x": {0: "batch"}, "ids": {0: "batch", 1: "seq"}}, 4, seed=0)
    shapes = [(item.shapes["x"], item.shapes["ids"]) for item in drawn]
    assert all(x[0] == ids[0] and x[1] == 6 for x, ids in shapes)
    assert {x[0] for x, _ in shapes} == {1, 2, 3, 5}
    assert {ids[1] for _, ids in shapes} == {1, 2, 3, 5}
    assert all(x[0] != ids[1] for x, ids in shapes)


@pytest.mark.parametrize(
    ("tensor", "allowed"),
    [
        (torch.tensor([0.0, -math.inf, 0.0]), {0.0, -math.inf}),
        (torch.tensor([0.0, 1.0, 1.0]), {0.0, 1.0}),
        (torch.tensor([4.0, 4.0, 4.0]), {4.0}),
        (torch.tensor([7, 7]), {7}),
        (torch.tensor([-128, 127], dtype=torch.int8), set(range(-128, 128))),
        (torch.ones(0, 3), set()),
    ],
)
def test_masks_and_constants_keep_their_meaning(tensor: Tensor, allowed: set[float]) -> None:
    for drawn in random_inputs(bind(lambda x: x, tensor), {}, 5, seed=0):
        (value,) = drawn.args
        assert (value.dtype, value.shape) == (tensor.dtype, tensor.shape)
        assert set(value.flatten().tolist()) <= allowed


def test_bfloat16_reaches_the_compiled_network_as_float32() -> None:
    given = input_set("x", bind(lambda x: x, torch.ones(2).bfloat16()))
    assert given.array_args[0].dtype == np.float32


def test_a_sample_must_have_the_examples_structure() -> None:
    with pytest.raises(SignatureError, match="sample 1 is not of the structure of the example inputs"):
        like(example(), bind(forward, (torch.ones(1), torch.ones(1))), "sample 1")


def test_a_number_stays_a_tensor_without_dimensions() -> None:
    drawn = random_inputs(bind(lambda x: x, torch.tensor(0.5)), {}, 3, 0)
    assert [inputs.shapes for inputs in drawn] == [{"x": ()}] * 3
