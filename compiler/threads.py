"""How many threads PyTorch takes while a network is verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch

SMALL = 32 << 20
"""Bytes of weights below which a network is small: a thread per core costs its short operators more than it saves."""


@contextmanager
def suitable_threads(weights: Iterable[torch.Tensor]) -> Iterator[None]:
    """One thread of PyTorch's during the body where the network of these `weights` is small, else those it has.

    Threads that wait for each other between short operators are slowest where cores are few or shared: on two
    cores in use, verifying the patience_transformer took 3.6 to 12 s with two threads, and 0.36 s with one.
    """
    if sum(weight.numel() * weight.element_size() for weight in weights) >= SMALL:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
