"""Tensors made by types, by ``x.new(...)``, as variables and of arrays: in interpreted code and in native code."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import Variable

from .checking import check, network, signs

FLOATS = torch.FloatTensor
MADE = {
    "type of sizes": lambda x: torch.Tensor(2, 4).fill_(1.0),
    "type of a size": lambda x: FLOATS(x.size()).zero_(),
    "type of nothing": lambda x: torch.cat([FLOATS(), x.flatten()]).view(2, 4),
    "type of numbers": lambda x: torch.Tensor([0.5, 1.0, 2.0, 4.0]),
    "type of an array": lambda x: torch.Tensor(np.arange(4.0)),
    "type of a tensor": lambda x: FLOATS(x),
    "new of sizes": lambda x: x.new(2, x.size(1)).fill_(2.0),
    "new of a shape": lambda x: x.new(x.shape).fill_(2.0),
    "new of numbers": lambda x: x.new([x.sum(), 1.0, 2.0, 3.0]),
    "new of nothing": lambda x: torch.cat([x.new(), x[0]]),
    "variable": lambda x: Variable(torch.zeros(2, 4)),
    "array": lambda x: torch.from_numpy(np.arange(4.0)).float(),
    "type() of a type": lambda x: torch.arange(4).type(type(x)),
    "type() of a name": lambda x: torch.arange(4).type("torch.DoubleTensor"),
}


def native(make, x):
    return make(x)


def interpreted(make, x):
    return make(x) if x.sum() > 0 else make(-x)


@pytest.mark.parametrize("called", [native, interpreted])
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_tensor_is_made(make, called):
    def forward(self, x):
        y = called(make, x) + x
        return y * 2 if y.sum() > 3 else y

    check(network(forward), signs(4, 2, 4))


def test_what_is_made_has_memory_of_its_own_or_shares_it():
    """A variable shares the memory of its tensor; what is made of an array does not change the array."""
    zeros = np.zeros((2, 4), dtype=np.float32)

    def forward(self, x):
        y = x * 1
        Variable(y).add_(1)
        z = torch.from_numpy(self.zeros).clone()
        z += y
        return (y, z) if x.sum() > 0 else (z - 1, y)

    check(network(forward, zeros=zeros), signs(4, 2, 4), paths=2)
    assert not zeros.any()
