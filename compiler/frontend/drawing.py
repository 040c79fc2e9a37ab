"""Random numbers: torch's random functions become draws of the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import sympy
import torch

from adaptc.compiler import randomness
from adaptc.compiler.frontend.draft import DrawStep, Value
from adaptc.compiler.frontend.signals import Refused
from adaptc.runtime.hostprogram import Distribution

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def random_function(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of one of torch's random functions, in terms of draws. Raises Refused where there is no seed for them."""
    if randomness.draws_nothing(func, args, kwargs):
        return recorder.record(func, args, kwargs)
    if kwargs.get("out") is not None:
        raise Refused(recorder.problem(f"{func.__name__}(out=...)", "it is not supported", "use its result"))
    if recorder.random_seed is None:
        raise Refused(
            recorder.problem(
                f"{func.__name__}() draws random numbers",
                "no seed was given for them, so the compiled network could not be compared with this one",
                "give one (random_seed=0, or --random-seed 0), call model.eval() if this is dropout, or pass the "
                "numbers in as an input",
            )
        )
    with recorder:
        return randomness.RANDOM[func](partial(draw, recorder), *args, **kwargs)


def draw(
    recorder: Recorder, kind: Distribution, shape: Sequence[Any], dtype: torch.dtype, least: Any = 0, end: Any = 0
) -> torch.Tensor:
    """A tensor of random numbers, which the host draws: what uses it goes into another draft."""
    held = recorder.held
    args = (least, end) if kind == "integers" else ()
    file, line = recorder.user_location()
    try:
        extents = tuple(recorder.symbols.host(extent) for extent in shape)
        ends = tuple(recorder.symbols.host(number) for number in args)
    except (KeyError, NotImplementedError, sympy.SympifyError) as error:
        recorder._refuse(f"random numbers of a size that the host cannot compute ({error})", "use a size of a tensor")
    with torch._C.DisableTorchFunction(), recorder.fakes:
        fake = torch.empty(tuple(shape), dtype=dtype)
    value = Value(recorder.name(kind), recorder.draft, fake=fake)
    recorder.draft.steps.append(DrawStep(value, kind, extents, ends, f"{file}:{line}"))
    recorder.cut()
    recorder.memories.hold(held, fake, value)
    return fake
