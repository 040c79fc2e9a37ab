"""The networks of papers: each is compiled in true depth, verified on every path, and equal to eager PyTorch on inputs
that take the paths. Published widths are the benchmark's (benchmarks/dycl.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import adaptc
from adaptc.compiler.structure import flatten

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
try:
    import act_transformer  # type: ignore[import-not-found]
    import attention_captioner  # type: ignore[import-not-found]
    import blockdrop_110  # type: ignore[import-not-found]
    import calibration  # type: ignore[import-not-found]
    import deep_equilibrium  # type: ignore[import-not-found]
    import experts  # type: ignore[import-not-found]
    import pointer_network  # type: ignore[import-not-found]
    import ranet  # type: ignore[import-not-found]
    import self_speculative  # type: ignore[import-not-found]
    import shallow_deep  # type: ignore[import-not-found]
    import skipnet_38  # type: ignore[import-not-found]
finally:
    sys.path.pop(0)

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Case:
    """A network and the calls that it is tested with. `untaken` of its branches' directions are taken by none of these,
    and `unverified` of them cannot be forced and are found by no search; a loop that decides at its end also asks
    whether there is a first iteration at all."""

    make: Callable[[], nn.Module]
    calls: Callable[[], Sequence[Mapping[str, torch.Tensor]]]
    untaken: int = 0
    unverified: int = 0
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    tolerance: float = TOLERANCE


def named(name: str, tensors: Sequence[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    return [{name: tensor} for tensor in tensors]


def narrow_captioner() -> nn.Module:
    with calibration.seeded(0):
        stages = attention_captioner.encoder((3, 4, 6), groups=4, inner=128, width=16)
        return attention_captioner.captioner(stages, pixels=64, words=200, width=32)  # type: ignore[no-any-return]


CASES = {
    "mobilenet": Case(  # so narrow, its depthwise layers make more of float32's rounding
        lambda: shallow_deep.mobilenet(64, 10, 8), lambda: named("x", calibration.images(7, 64)), 6, tolerance=5e-5
    ),
    "vgg16": Case(lambda: shallow_deep.vgg16(32, 10, 8), lambda: named("x", calibration.images(8, 32)), 7),
    "resnet56": Case(  # sums of 56 layers, in another order on processors with wider vectors
        lambda: shallow_deep.resnet56(32, 10), lambda: named("x", calibration.images(8, 32)), 6, tolerance=2e-5
    ),
    "wide_resnet32": Case(
        lambda: shallow_deep.wide_resnet32(32, 10, 8), lambda: named("x", calibration.images(8, 32)), 6
    ),
    "recurrent_38": Case(skipnet_38.recurrent_38, lambda: named("x", calibration.images(8, 32))),
    "feedforward_38": Case(skipnet_38.feedforward_38, lambda: named("x", calibration.images(8, 32))),
    "captioner": Case(narrow_captioner, lambda: named("image", calibration.images(6, 256))),
    "blockdrop_110": Case(blockdrop_110.blockdrop, lambda: named("x", calibration.images(8, 32))),
    "ranet": Case(ranet.ranet, lambda: named("image", calibration.images(9, 32))),
    "act_transformer": Case(
        act_transformer.act_transformer,
        lambda: named("ids", act_transformer.prompts(8)),
        untaken=1,
        dynamic=act_transformer.dynamic,
    ),
    "anderson": Case(deep_equilibrium.anderson_model, lambda: named("image", calibration.images(8, 16))),
    "broyden": Case(deep_equilibrium.broyden_model, lambda: named("image", calibration.images(8, 16)), untaken=1),
    "pointer_network": Case(
        pointer_network.pointer_network,
        lambda: named("points", pointer_network.point_sets(8)),
        untaken=4,
        unverified=1,
        dynamic=pointer_network.dynamic,
    ),
    "self_speculative": Case(
        self_speculative.self_speculative,
        lambda: [{"prompt": prompt, "most": most} for prompt, most in self_speculative.calls(8)],
        untaken=1,
        dynamic=self_speculative.dynamic,
    ),
    "mixtral": Case(experts.mixtral, lambda: experts.prompts(6), 20, 2, dynamic=experts.dynamic),
    "switch": Case(
        experts.switch,
        lambda: experts.pairs(6),
        untaken=5,
        unverified=4,
        dynamic={"input_ids": {1: "length"}, "decoder_input_ids": {1: "words"}},
    ),
}


def assert_equal(ours: Any, eager: Any, tolerance: float = TOLERANCE) -> None:
    """The same leaves: numbers and integers equal, float tensors within `tolerance` of the largest value."""
    our_leaves, leaves = flatten(ours, "leaf", arrays=True)[1], flatten(eager, "leaf")[1]
    for mine, theirs in zip(our_leaves, leaves, strict=True):
        expected = np.asarray(theirs)
        assert np.shape(mine) == expected.shape
        if expected.dtype.kind == "f":
            assert np.abs(mine - expected).max(initial=0) <= tolerance * np.abs(expected).max(initial=0)
        else:
            assert np.array_equal(mine, expected)


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_a_network_is_verified_and_equals_eager_on_all_ways(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    network, calls = case.make(), case.calls()
    report = adaptc.compile(network, dict(calls[-1]), tmp_path / "artifact", dynamic=case.dynamic)
    assert len(report.verification["never_taken"]) == case.unverified
    assert report.verification["rounded"] or report.verification["max_relative_error"] <= TOLERANCE
    branches = {branch.block: len(branch.targets) for branch in report.branches}
    taken = set()
    with adaptc.load(tmp_path / "artifact") as executable, torch.inference_mode():
        for call in calls:
            trace = executable.trace(**{key: tensor.numpy() for key, tensor in call.items()})
            assert_equal(trace.outputs, network(**call), case.tolerance)
            ways = [way for _, way in trace.decisions]
            taken |= set(zip([block for block in trace.path if block in branches], ways, strict=True))
    assert sum(branches.values()) - len(taken) == case.untaken
