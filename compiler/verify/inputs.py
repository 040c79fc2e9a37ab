"""Input sets to try a network on: the examples, the user's own, and random ones like the examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from adaptc.compiler.signature import Bound, SignatureError
from adaptc.compiler.structure import flatten, rebuild
from adaptc.compiler.verify.compare import to_numpy

_SIZES = (1, 2, 3, 5)


@dataclass(frozen=True)
class InputSet:
    """Arguments of one call: as tensors for eager PyTorch, as arrays for the compiled network; and flat."""

    label: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    array_args: tuple[Any, ...]
    array_kwargs: dict[str, Any]
    tensors: dict[str, torch.Tensor]

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Input name -> its shape."""
        return {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}


def input_set(label: str, bound: Bound) -> InputSet:
    """The arguments of `bound`."""
    return with_tensors(label, bound, [tensor.detach() for _, tensor in bound.inputs])


def like(example: Bound, other: Bound, label: str) -> InputSet:
    """The arguments of `other`; raises SignatureError where their structure is not the example's."""
    if other.arguments != example.arguments:
        names = ", ".join(argument.name for argument in example.arguments)
        raise SignatureError(
            f"{label} is not of the structure of the example inputs (arguments {names}); "
            "give every sample the same arguments, containers and Python numbers"
        )
    return input_set(label, other)


def random_inputs(example: Bound, dims: Mapping[str, Mapping[int, str]], count: int, seed: int) -> list[InputSet]:
    """`count` input sets of the example's structure, drawn from `seed`.

    Floats are normal with the example's mean and deviation (0 or 1 where it has nothing else), integers lie
    between the example's least and greatest. The named dimensions of `dims` (input name -> axis -> name) take
    the sizes 1, 2, 3, 5 and the example's, one after the other.
    """
    generator = torch.Generator().manual_seed(seed)
    sizes = _choices(example, dims)
    result: list[InputSet] = []
    for number in range(count):
        # Starting at different places makes the sizes of two dimensions differ.
        chosen = {dim: options[(number + i) % len(options)] for i, (dim, options) in enumerate(sizes.items())}
        tensors: list[torch.Tensor] = []
        for name, tensor in example.inputs:
            shape = list(tensor.shape)
            for axis, dim in dims.get(name, {}).items():
                shape[axis] = chosen[dim]
            tensors.append(_draw(tensor.detach(), shape, generator))
        result.append(with_tensors(f"random input {number + 1}", example, tensors))
    return result


def _choices(example: Bound, dims: Mapping[str, Mapping[int, str]]) -> dict[str, list[int]]:
    inputs = dict(example.inputs)
    own = {dim: inputs[name].shape[axis] for name, axes in dims.items() for axis, dim in axes.items()}
    return {dim: [*(s for s in _SIZES if s != size), size] for dim, size in own.items()}


def with_tensors(label: str, bound: Bound, tensors: Sequence[torch.Tensor]) -> InputSet:
    """The arguments of `bound` with other tensors, in the order of its inputs."""
    call = (bound.args, bound.kwargs)
    # `inputs` follow the order of the arguments, which is that of the leaves of the call.
    args, kwargs = rebuild(call, tensors)
    array_args, array_kwargs = rebuild(call, [to_numpy(tensor) for tensor in tensors])
    names = [name for name, _ in bound.inputs]
    assert len(names) == len(flatten(call, "static")[1])
    return InputSet(label, args, kwargs, array_args, array_kwargs, dict(zip(names, tensors)))


def _draw(example: torch.Tensor, shape: Sequence[int], generator: torch.Generator) -> torch.Tensor:
    if example.numel() == 0:
        return torch.zeros(shape, dtype=example.dtype)
    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
    if example.dtype == torch.bool:
        return uniform < example.double().mean()
    if not example.dtype.is_floating_point and not example.dtype.is_complex:
        low, high = int(example.min()), int(example.max())
        return (low + (uniform * (high - low + 1)).floor()).to(example.dtype)
    if example.dtype.is_complex:
        return torch.randn(shape, generator=generator, dtype=torch.complex128).to(example.dtype)
    values = example.double().flatten()
    if not values.isfinite().all():
        # A mask of infinities: any other number would mean something else.
        return values[(uniform * values.numel()).long()].to(example.dtype)
    if ((values == 0) | (values == 1)).all() and values.numel() > 1:
        return (uniform < values.mean()).to(example.dtype)
    deviation = values.std(correction=0) if values.numel() > 1 else values[0].abs().clamp(min=1)
    normal = torch.randn(shape, generator=generator, dtype=torch.float64)
    return (normal * deviation + values.mean()).to(example.dtype)
