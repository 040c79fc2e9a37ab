"""Putting a network back as it was."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import nn

from adaptc.compiler.verify.state import preserved
from adaptc.runtime.errors import AdaptcError


@dataclass
class Memory:
    rows: list[torch.Tensor] = field(default_factory=list)
    size: int = 0


class Policy:
    """A callable object that is no module."""

    def __init__(self) -> None:
        self.steps = 0

    def __call__(self) -> None:
        self.steps += 1


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.ModuleList([nn.BatchNorm1d(2), nn.Linear(2, 2)])
        self.memory = Memory()
        self.policy = Policy()
        self.nested: dict[str, Any] = {"queue": deque([1]), "tags": {"a"}, "pair": ([1], torch.zeros(2))}
        self.cyclic: list[Any] = []
        self.cyclic.append(self)


def test_everything_that_a_call_may_change_is_put_back() -> None:
    net = Net()
    nested, queue, rows = net.nested, net.nested["queue"], net.memory.rows
    mean = net.inner[0].running_mean
    with preserved(net):
        net.inner.append(nn.ReLU())
        net.inner[0].running_mean.add_(5)  # type: ignore[operator, union-attr]
        net.inner[0].running_var = None
        net.memory.rows.append(torch.ones(1))
        net.memory.size = 9
        net.policy()
        net.nested["queue"].append(2)
        net.nested["tags"].add("b")
        net.nested["pair"][0].append(2)
        net.nested["pair"][1].fill_(3)
        net.nested["new"] = 1
        net.memory = Memory()
        net.eval()
        net.added = 1
        net.register_buffer("late", torch.ones(1))
    assert net.nested is nested
    assert net.nested["queue"] is queue
    assert net.memory.rows is rows
    assert net.inner[0].running_mean is mean
    assert (list(queue), nested["tags"], nested["pair"][0], rows) == ([1], {"a"}, [1], [])
    assert torch.equal(nested["pair"][1], torch.zeros(2))
    assert torch.equal(net.inner[0].running_mean, torch.zeros(2))  # type: ignore[arg-type]
    assert net.inner[0].running_var is not None
    assert (net.memory.size, net.policy.steps, len(net.inner), net.training) == (0, 0, 2, True)
    assert "new" not in nested
    assert not hasattr(net, "added")
    assert not hasattr(net, "late")


def test_state_is_put_back_after_an_exception() -> None:
    net = Net()

    def fails() -> None:
        with preserved(net):
            net.memory.size = 4
            raise KeyError("x")

    with pytest.raises(KeyError):
        fails()
    assert net.memory.size == 0


def test_a_buffer_that_is_resized_in_place() -> None:
    net = Net()
    net.register_buffer("cache", torch.ones(2))
    with preserved(net):
        net.cache.resize_(5).fill_(7)  # type: ignore[operator]
    assert torch.equal(net.cache, torch.ones(2))  # type: ignore[arg-type]


def test_a_parameter_changed_in_place_is_named() -> None:
    net = Net()
    with pytest.raises(AdaptcError, match=r"'inner.1.bias' in place"), preserved(net), torch.no_grad():
        net.inner[1].bias.add_(1)  # type: ignore[operator, union-attr]


def test_data_that_is_set() -> None:
    net = Net()
    net.register_buffer("cache", torch.ones(2))
    bias = net.inner[1].bias.detach().clone()  # type: ignore[operator, union-attr]
    with preserved(net):
        net.inner[1].bias.data = torch.zeros(9)  # type: ignore[union-attr]
        net.cache.data = net.cache + 1  # type: ignore[operator]
    assert torch.equal(net.inner[1].bias, bias)  # type: ignore[arg-type, union-attr]
    assert torch.equal(net.cache, torch.ones(2))  # type: ignore[arg-type]
