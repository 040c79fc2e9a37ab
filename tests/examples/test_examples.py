"""Every example: verified on every path, and equal to eager PyTorch on real data that takes every path."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import adaptc

DIGITS = ("early_exit_cnn", "skip_gate_cnn", "patience_transformer", "blockdrop", "exception_exit")
NAMES = (*DIGITS, "skipnet", "bert_early_exit", "captioner")
TOLERANCE = 1e-5
ARGUMENT = {"patience_transformer": "images", "exception_exit": "image"}
"""The name of the image argument where it is not x."""


def calls(name: str, digits: Any) -> Iterator[dict[str, torch.Tensor]]:
    """The keyword arguments of the calls that an example is tested with."""
    if name in DIGITS:
        argument = ARGUMENT.get(name, "x")
        yield from ({argument: image[None]} for image in torch.from_numpy(digits.test_images))
    elif name == "skipnet":
        yield from ({"x": torch.randn(1, 3, 32, 32)} for _ in range(60))
    elif name == "captioner":
        yield from ({"image": torch.randn(1, 3, 32, 32) * 3, "limit": torch.tensor(step)} for step in range(60))
    else:
        for length in range(3, 63):
            ids = torch.randint(0, 1000, (1, length))
            yield {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def leaves(value: Any) -> list[Any]:
    """The tensors, arrays and numbers of an output, in order."""
    if isinstance(value, dict):
        return [leaf for key in value for leaf in leaves(value[key])]
    if isinstance(value, tuple | list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def assert_equal(ours: Any, eager: Any) -> None:
    """Same structure; numbers and integers equal, float tensors within TOLERANCE of the largest value."""
    assert type(ours) is (np.ndarray if isinstance(eager, torch.Tensor) else type(eager))
    assert len(leaves(ours)) == len(leaves(eager))
    for mine, theirs in zip(leaves(ours), leaves(eager), strict=True):
        if isinstance(theirs, torch.Tensor):
            expected = theirs.numpy()
            assert isinstance(mine, np.ndarray)
            assert (mine.dtype, mine.shape) == (expected.dtype, expected.shape)
            if expected.dtype.kind == "f":
                assert np.abs(mine - expected).max() <= TOLERANCE * np.abs(expected).max()
            else:
                assert np.array_equal(mine, expected)
        else:
            assert type(mine) is type(theirs)
            assert mine == theirs


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_samples_of_the_artifact_hold(name: str, compiled: Callable[[str], Any]) -> None:
    results = compiled(name).executable.verify()
    assert len(results) >= 2
    assert all(result.ok for result in results), results


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_outputs_equal_eager_call_by_call(name: str, compiled: Callable[[str], Any], digits: Any) -> None:
    example = compiled(name)
    count = 0
    with torch.inference_mode():
        for arguments in calls(name, digits):
            eager = example.network(**arguments)
            assert_equal(example.executable(**{key: value.numpy() for key, value in arguments.items()}), eager)
            count += 1
    assert count == (len(digits.test_labels) if name in DIGITS else 60)


def branches(folder: Path) -> set[str]:
    """The names of the blocks of an artifact's host program that end in a branch."""
    blocks = json.loads((folder / "host.json").read_text())["blocks"]
    return {block["name"] for block in blocks if block["terminator"]["terminator"] == "branch"}


def directions(names: set[str], path: Sequence[str], taken: Sequence[bool | int]) -> set[tuple[str, bool]]:
    """Which branch went which way on a path: block names, with the decisions in the order they were taken."""
    return {(name, bool(way)) for name, way in zip([name for name in path if name in names], taken, strict=True)}


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_every_branch_is_verified_both_ways(name: str, compiled: Callable[[str], Any]) -> None:
    example = compiled(name)
    paths = json.loads((example.folder / "report.json").read_text())["paths"]
    names = branches(example.folder)
    verified = set()
    for path in paths:
        verified |= directions(names, path["blocks"], [decision["taken"] for decision in path["decisions"]])
    assert len(paths) >= 2
    assert max(path["max_relative_error"] for path in paths) <= TOLERANCE
    assert len(verified) == 2 * len(names)


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_data_takes_every_branch_both_ways(name: str, compiled: Callable[[str], Any], digits: Any) -> None:
    example = compiled(name)
    names = branches(example.folder)
    taken = set()
    for arguments in calls(name, digits):
        trace = example.executable.trace(**{key: value.numpy() for key, value in arguments.items()})
        taken |= directions(names, trace.path, [way for _, way in trace.decisions])
    assert len(taken) == 2 * len(names)


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "exits"),
    [
        ("early_exit_cnn", {0, 1, 2, 3}),
        ("exception_exit", {1, 2, 3, 4, 5}),
        ("patience_transformer", {3, 4, 5, 6}),
    ],
)
def test_test_images_leave_at_every_exit(
    name: str, exits: set[int], compiled: Callable[[str], Any], digits: Any
) -> None:
    executable = compiled(name).executable
    outputs = [executable(image[None]) for image in digits.test_images]
    found = {output["exit_layer"] if isinstance(output, dict) else output[1] for output in outputs}
    assert found == exits


@pytest.mark.long
@pytest.mark.parametrize("name", DIGITS)
def test_the_trained_networks_are_accurate(name: str, compiled: Callable[[str], Any], digits: Any) -> None:
    executable = compiled(name).executable
    predictions = [leaves(executable(image[None]))[0].argmax() for image in digits.test_images]
    assert np.mean(predictions == digits.test_labels) >= 0.97


@pytest.mark.long
def test_a_batch_of_any_size_runs_where_the_example_names_its_batch(
    compiled: Callable[[str], Any], digits: Any
) -> None:
    example = compiled("patience_transformer")
    layers = set()
    for size in (1, 2, 3, 8, 100):
        for start in range(0, len(digits.test_images), 100):
            images = digits.test_images[start : start + size]
            with torch.inference_mode():
                eager = example.network(torch.from_numpy(images))
            assert_equal(example.executable(images), eager)
            layers.add(eager[1])
    assert len(layers) > 1


class Decoder(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.cell, self.head = torch.nn.Embedding(50, 8), torch.nn.GRUCell(8, 8), torch.nn.Linear(8, 50)

    def forward(self, state: torch.Tensor, limit: torch.Tensor) -> list[int]:
        token, tokens = torch.zeros(1, dtype=torch.int64), []
        for _ in range(int(limit)):
            state = self.cell(self.embedding(token), state)
            token = self.head(state).argmax(-1)
            tokens.append(token.item())
            if token == 50:
                break
        return tokens


def test_a_loop_runs_for_one_step_and_for_a_thousand(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, state = Decoder().eval(), torch.randn(1, 8)
    adaptc.compile(network, (state, torch.tensor(5)), tmp_path / "decoder")
    executable = adaptc.load(tmp_path / "decoder")
    for limit in (0, 1, 1000):
        tokens = executable(state.numpy(), np.array(limit))
        assert len(tokens) == limit
        assert tokens == network(state, torch.tensor(limit))


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_each_weight_is_stored_once(name: str, compiled: Callable[[str], Any]) -> None:
    example = compiled(name)
    distinct = {
        tensor.numpy().tobytes(): tensor.numel() * tensor.element_size()
        for tensor in example.network.state_dict().values()
        if tensor.is_floating_point()
    }
    stored = (example.folder / "units" / "weights.bin").stat().st_size
    assert stored <= 1.02 * sum(distinct.values())
