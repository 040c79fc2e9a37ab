"""The fixed texts of random networks: what stands before and inside a network, and its functions' variables."""

from __future__ import annotations

HEADER = """\
import collections
import contextlib
import dataclasses
import functools
import math
from typing import Any

import torch
from torch import nn


class Stop(Exception):
    pass


class Found(Exception):
    def __init__(self, tensor, count):
        super().__init__("found")
        self.tensor = tensor
        self.count = count


@dataclasses.dataclass
class Box:
    a: Any
    n: int = 0
    items: list = dataclasses.field(default_factory=list)

    def bump(self, t):
        if t.sum() > 0.3:
            self.n += 1
            return self
        self.a = self.a - 0.5
        return Box(t * 0.5, self.n)

    @property
    def big(self):
        return self.a.max() > 1


Pair = collections.namedtuple("Pair", "first second")


class Guard:
    def __init__(self, log):
        self.log = log

    def __enter__(self):
        self.log.append(1)
        return self

    def __exit__(self, kind, error, traceback):
        self.log.append(2)
        return kind is Stop


@contextlib.contextmanager
def logged(log, t):
    log.append(3)
    try:
        yield t * 0.5
    finally:
        log.append(4)


"""

NETWORK = """\
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(3)])
        self.register_buffer("scale", torch.tensor([1.0, -0.5, 0.25, 2.0]))
        self.weight = nn.Parameter(torch.tensor([0.3, -0.7, 1.1, 0.2]))
        self.count = 0
        self.kept = None
        self.history = []

"""

VARIABLES: dict[str, tuple[str, ...]] = {
    "vector": ("v0", "v1", "v2"),
    "matrix": ("m0", "m1"),
    "scalar": ("s0",),
    "int": ("i0", "i1"),
    "float": ("f0",),
    "bool": ("b0",),
    "list": ("l0", "l1"),
    "dict": ("d0",),
    "box": ("o0", "o1"),
    "optional": ("n0",),
    "log": ("g0",),
}
"""The local variables of every function by kind; each is set at the function's start and keeps its kind."""

PROLOGUE = (
    "v0 = x * 1.0",
    "v1 = x + 0.25",
    "v2 = y[1]",
    "m0 = y * 1.0",
    "m1 = y - 0.5",
    "s0 = x.mean()",
    "i0 = 0",
    "i1 = n",
    "f0 = 0.5",
    "b0 = False",
    "l0 = [v0, v1]",
    "l1 = [x]",
    'd0 = {"p": v0, "q": x}',
    "o0 = o1 = Box(v1, 1)",
    "n0 = None",
    "g0 = []",
)

LOOP_NETWORK = (
    NETWORK.rstrip()
    + """
        for number in range(3):
            setattr(self, f"l{number}", nn.Linear(4, 4))
        self.named = nn.ModuleDict({f"l{number}": nn.Linear(4, 4) for number in range(3)})
        self.register_buffer("state", torch.zeros(4))

"""
)

GROWING: dict[str, tuple[str, ...]] = {
    "tensors": ("a0", "a1"),
    "numbers": ("c0",),
    "pairs": ("p0",),
    "tuple": ("u0",),
    "rows": ("r0",),
    "line": ("w0",),
}
"""The variables of random loops whose sizes and lengths change: lists of vectors, of ints, of tuples (vector, int), a
tuple of vectors, a tensor of any number of rows of four floats, and one of any number of floats."""

LOOP_PROLOGUE = (
    *PROLOGUE,
    "a0, a1 = [], [v1]",
    "c0, p0, u0 = [], [], ()",
    "r0, w0 = m0 * 0.5, x[x > -0.5]",
    "best = None",
)
