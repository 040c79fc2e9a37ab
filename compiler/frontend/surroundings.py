"""What holds while a network is captured, and what its tensors are called."""

from __future__ import annotations

import contextlib
import logging
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from adaptc.compiler.frontend.guards import guarded_symbols
from adaptc.compiler.frontend.heap import Heap
from adaptc.compiler.frontend.modules import guarded_conversions
from adaptc.compiler.frontend.operators import followed_operators
from adaptc.compiler.frontend.recorder import Recorder
from adaptc.compiler.frontend.signals import Refused
from adaptc.compiler.frontend.transforms import traced_transforms

_OTHER_RANDOM = (
    *("random", "randint", "randrange", "uniform", "choice", "choices", "sample", "shuffle", "gauss", "normalvariate"),
    *("betavariate", "expovariate", "getrandbits", "rand", "randn", "random_sample", "normal", "permutation"),
    *("standard_normal", "binomial", "multinomial", "poisson", "exponential", "beta", "gamma", "dirichlet"),
)


def weight_names(model: torch.nn.Module) -> dict[int, str]:
    """The network's names of its parameters, buffers and plain tensor attributes, by id; the first name of each."""
    names: dict[int, str] = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        names.setdefault(id(tensor), name)
    for path, module in model.named_modules():
        for attribute, value in module.__dict__.items():
            if isinstance(value, torch.Tensor):
                names.setdefault(id(value), f"{path}.{attribute}".lstrip("."))
    return names


@contextlib.contextmanager
def _one_stream(recorder: Recorder) -> Iterator[None]:
    """While it lasts, random numbers of Python and NumPy are refused, which would stay what they are, and new seeds."""
    drawing = (
        "draws random numbers that are not torch's",
        "they would be drawn once, when the network is compiled",
        "use torch's random functions, with a random_seed",
    )
    seeding = (
        "seeds random numbers",
        "they come from one stream, whose seed the compile or the application gives",
        "remove it, and choose the seed with random_seed",
    )
    places = [(owner, name, drawing) for owner in (random, np.random) for name in _OTHER_RANDOM if hasattr(owner, name)]
    places += [(owner, name, seeding) for owner in (torch, torch.random) for name in ("manual_seed", "seed")]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]

    def refusing(called: str, found: str, why: str, instead: str) -> Any:
        def refuse(*args: Any, **kwargs: Any) -> Any:
            raise Refused(recorder.problem(f"{called}() {found}", why, instead))

        return refuse

    for owner, name, texts in places:
        setattr(owner, name, refusing(f"{owner.__name__}.{name}", *texts))
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


@contextlib.contextmanager
def surroundings(recorder: Recorder, heap: Heap) -> Iterator[None]:
    """What holds during a capture: no gradients, inference mode seen as that, compiled functions run eagerly."""
    inference = torch.autograd.grad_mode.inference_mode
    enter, leave = inference.__enter__, inference.__exit__

    def enter_without_gradients(self: Any) -> None:
        self._adaptc_previous = torch.is_grad_enabled()
        if self.mode:
            torch._C._set_grad_enabled(False)

    def leave_without_gradients(self: Any, *exc: object) -> None:
        torch._C._set_grad_enabled(self._adaptc_previous)

    cls: Any = inference
    cls.__enter__, cls.__exit__ = enter_without_gradients, leave_without_gradients
    log = logging.getLogger("torch._subclasses.fake_tensor")
    quiet, log.disabled = log.disabled, True  # its errors are reported as problems, with the user's line
    try:
        with (
            torch.no_grad(),
            sdpa_kernel(SDPBackend.MATH),  # to choose another kernel, torch asks whether a size is 0
            heap.watching(),
            guarded_symbols(recorder),
            guarded_conversions(recorder),
            followed_operators(recorder),
            traced_transforms(recorder),
            torch.compiler.set_stance("force_eager"),
            _one_stream(recorder),
        ):
            yield
    finally:
        cls.__enter__, cls.__exit__ = enter, leave
        log.disabled = quiet
