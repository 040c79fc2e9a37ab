"""Models over the tokens of MLIR text."""

from __future__ import annotations

import numpy as np
import pytest

from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.metrics import metrics
from adaptc.costmodel.text.tokens import PADDING, UNKNOWN, tokens, vocabulary
from adaptc.costmodel.text.training import NETWORKS, TextSettings, train

TENSOR = "!torch.vtensor<[1,100],f32>"


def chain(*operators, extent=100):
    """Operators one after the other."""
    kind = TENSOR.replace("100", str(extent))
    lines = [
        f'%v{place + 1} = "torch.aten.{operator}"(%v{place}) : ({kind}) -> {kind}'
        for place, operator in enumerate(operators)
    ]
    last = f"func.return %v{len(operators)} : {kind}"
    return "\n".join([f"func.func @unit(%v0: {kind}) {{", *lines, last, "}"])


def test_tokens_are_operations_or_operations_with_types():
    assert tokens(chain("relu", "exp"), "ops") == ["torch.aten.relu", "torch.aten.exp"]
    types = ["<f32", "1", "6e4", ">f32", "1", "6e4"]
    assert tokens(chain("relu"), "operands") == ["torch.aten.relu", *types]


def test_extents_that_are_near_share_a_token():
    def extent(number):
        return tokens(chain("relu", extent=number), "operands")[3]

    assert extent(16) == "16"
    assert extent(100) == extent(110) != extent(128)


def test_a_vocabulary_knows_what_is_there_often_enough():
    known = vocabulary([["a", "b", "a"], ["b", "c"]])
    assert known.size == 4
    assert known.encode(["a", "c", "b", "a"], 3) == [2, UNKNOWN, 3]
    assert PADDING not in known.numbers.values()


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network_learns_to_count(network):
    generator = np.random.default_rng(0)
    texts, times, families = [], [], []
    for number in range(160):
        operators = generator.choice(["relu", "exp"], generator.integers(1, 9))
        texts.append(chain(*operators))
        times.append(5.0 + sum(20.0 if each == "exp" else 1.0 for each in operators))
        families.append(f"family {number % 8}")
    settings = TextSettings(network=network, detail="ops", epochs=25, rate=3e-3)
    model = train(texts[:128], np.array(times[:128]), families[:128], settings)
    found = metrics(model.times(texts[128:]), np.array(times[128:]))
    assert found.tau > 0.8
    assert found.median < 0.25


def test_a_family_must_be_left_to_tell_when_to_stop():
    with pytest.raises(CostModelError, match="two families"):
        train([chain("relu")] * 3, np.ones(3), ["a"] * 3, TextSettings())
