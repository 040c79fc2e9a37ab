"""Context variables: each way through the network has its own values."""

from __future__ import annotations

from contextvars import ContextVar

import torch
from torch import nn

from .checking import check, signs

SCALE: ContextVar[float] = ContextVar("scale", default=1.0)
SEEN: ContextVar[list] = ContextVar("seen")


class Variable:
    """A variable whose methods run natively unless something makes capture follow them."""

    def __init__(self, variable):
        self.variable = variable

    def set(self, value):
        return self.variable.set(value)

    def reset(self, token):
        self.variable.reset(token)


WRAPPED = Variable(ContextVar("wrapped", default=None))


def test_a_branch_between_set_and_reset():
    class Network(nn.Module):
        def forward(self, x):
            token = SCALE.set(2.0)
            try:
                if x.mean() > 0:
                    x = x * SCALE.get()
                    x = x + 1
                else:
                    x = x - SCALE.get()
                    return x
            finally:
                SCALE.reset(token)
            return x * SCALE.get()

    check(Network(), signs(4, 2, 3), paths=2)
    assert SCALE.get() == 1.0


def test_a_variable_behind_methods():
    class Network(nn.Module):
        def forward(self, x):
            token = WRAPPED.set([x])
            try:
                if x.mean() > 0:
                    WRAPPED.variable.get().append(x * 2)
                return torch.stack(WRAPPED.variable.get()).sum(0)
            finally:
                WRAPPED.reset(token)

    check(Network(), signs(4, 2, 3), paths=2)
    assert WRAPPED.variable.get() is None


def test_ways_set_different_values():
    class Network(nn.Module):
        def forward(self, x):
            token = None
            if x.mean() > 0:
                token = SEEN.set([x * 3])
            y = SEEN.get([x])[0] + 1
            if token is not None:
                SEEN.reset(token)
            return y, len(SEEN.get([]))

    check(Network(), signs(4, 2, 3), paths=2)
    assert SEEN.get(None) is None


def test_a_network_leaves_a_value_to_itself():
    class Network(nn.Module):
        def forward(self, x):
            for factor in (2.0, 3.0):
                token = SCALE.set(SCALE.get() * factor)
                if x.mean() > 0:
                    x = x * SCALE.get()
                SCALE.reset(token)
            return x

    check(Network(), signs(4, 2, 3), paths=2)
