"""Operators that change the shape of a tensor, or put tensors together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.registry import Unsupported, operator


def product(sizes: Any) -> Any:
    """The product of sizes, which may be symbolic."""
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


@operator("Shape", many=False)
def shape(x: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of `x` as a tensor; the writer keeps them as numbers where it can."""
    return torch.tensor(list(x.shape)[start:end], dtype=torch.int64)


@operator("Size")
def size(x: Tensor) -> Tensor:
    """The number of elements of `x` as a tensor."""
    return torch.tensor(x.numel(), dtype=torch.int64)


@operator("Reshape", 5, host={1: "ints"})
def reshape(x: Tensor, shape: list[Any], *, allowzero: int = 0) -> Tensor:
    """0 in a shape keeps the size of `x` there, unless `allowzero`; -1 is what is left."""
    if not allowzero:
        shape = [x.shape[i] if isinstance(size, int) and size == 0 else size for i, size in enumerate(shape)]
    if -1 in [size for size in shape if isinstance(size, int)] and any(
        isinstance(size, int) and size == 0 for size in [*shape, *x.shape]
    ):
        # torch refuses to find a size among no elements
        place = [isinstance(size, int) and size == -1 for size in shape].index(True)
        others = product([size for i, size in enumerate(shape) if i != place])
        if isinstance(others, int) and others == 0:
            raise Unsupported("Reshape of no elements to a shape in which -1 may stand for any size")
        shape = [0 if i == place else size for i, size in enumerate(shape)]
    return x.reshape(shape)


@operator("Flatten")
def flatten(x: Tensor, *, axis: int = 1) -> Tensor:
    """Two dimensions: those before `axis` and those from it on."""
    axis = axis + x.dim() if axis < 0 else axis
    if axis == 0:
        return x.reshape(1, x.numel())
    if axis == x.dim():
        return x.reshape(x.numel(), 1)
    return x.flatten(0, axis - 1).flatten(1)


@operator("Transpose")
def transpose(x: Tensor, *, perm: list[int] | None = None) -> Tensor:
    """The dimensions in another order, without `perm` in the reverse one."""
    return x.permute(list(range(x.dim()))[::-1] if perm is None else perm)


@operator("Squeeze", 13, host={1: "ints"})
def squeeze(x: Tensor, axes: list[int] | None = None) -> Tensor:
    """Without the dimensions of size 1 in `axes`; without `axes` all of them."""
    if axes is None:
        if not all(isinstance(size, int) for size in x.shape):
            raise Unsupported("Squeeze without axes of a tensor whose sizes vary: its rank would vary")
        return x.squeeze()
    axes = sorted({axis % x.dim() for axis in axes})
    if any(isinstance(x.shape[axis], int) and x.shape[axis] != 1 for axis in axes):
        raise ValueError(f"Squeeze of axes {axes} of a tensor of shape {tuple(x.shape)}: they must be of size 1")
    return x.reshape([size for i, size in enumerate(x.shape) if i not in axes])


@operator("Squeeze")
def squeeze_1(x: Tensor, *, axes: list[int] | None = None) -> Tensor:
    """Without the dimensions of size 1 in `axes`; without `axes` all of them."""
    return squeeze(x, axes)


@operator("Unsqueeze", 13, host={1: "ints"})
def unsqueeze(x: Tensor, axes: list[int]) -> Tensor:
    """With new dimensions of size 1, at these places of the result."""
    rank = x.dim() + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        x = x.unsqueeze(axis)
    return x


@operator("Unsqueeze")
def unsqueeze_1(x: Tensor, *, axes: list[int]) -> Tensor:
    """With new dimensions of size 1, at these places of the result."""
    return unsqueeze(x, axes)


@operator("Expand", 8, host={1: "ints"})
def expand(x: Tensor, shape: list[Any]) -> Tensor:
    """Broadcast with `shape`, in both directions."""
    rank = max(len(shape), x.dim())
    wanted = [1] * (rank - len(shape)) + list(shape)
    own = [1] * (rank - x.dim()) + list(x.shape)
    sizes = [have if isinstance(want, int) and want == 1 else want for want, have in zip(wanted, own)]
    if any(
        not isinstance(want, int) and not (isinstance(have, int) and have == 1) and want is not have
        for want, have in zip(wanted, own)
    ):
        # which of two sizes is the 1, broadcasting itself knows
        made: Tensor = torch.broadcast_tensors(x, torch.empty(shape, dtype=x.dtype))[0]  # type: ignore[no-untyped-call]
        return made
    return x.expand([max(want, have) if isinstance(want, int) and isinstance(have, int) and want and have else want
                     for want, have in zip(sizes, own)])  # fmt: skip


@operator("Tile", 6, host={1: "ints"})
def tile(x: Tensor, repeats: list[Any]) -> Tensor:
    """Repeated along each dimension."""
    return x.repeat(repeats)


@operator("Concat", 4)
def concat(*inputs: Tensor, axis: int) -> Tensor:
    """`torch.cat`."""
    return torch.cat(inputs, axis)


def _split(x: Tensor, sizes: list[Any] | None, axis: int, outputs: int, parts: int | None) -> tuple[Tensor, ...]:
    if sizes is None:
        parts = outputs if parts is None else parts
        extent = x.shape[axis]
        if not isinstance(extent, int):
            raise Unsupported("Split into equal parts along a dimension whose size varies")
        each = -(-extent // parts)
        sizes = [min(each, extent - each * part) for part in range(parts)]
        if min(sizes) < 0:
            raise Unsupported(f"Split of {extent} elements into {parts} parts")
    return torch.split(x, sizes, axis)


@operator("Split", 13, host={1: "ints"}, many=True)
def split(
    x: Tensor, sizes: list[Any] | None = None, *, axis: int = 0, num_outputs: int | None = None, outputs: int
) -> tuple[Tensor, ...]:
    """Parts of given sizes, or of equal ones."""
    return _split(x, sizes, axis, outputs, num_outputs)


@operator("Split", 2, many=True)
def split_2(x: Tensor, *, axis: int = 0, split: list[int] | None = None, outputs: int) -> tuple[Tensor, ...]:
    """Parts of given sizes, or of equal ones."""
    return _split(x, split, axis, outputs, None)


@operator("DepthToSpace")
def depth_to_space(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Blocks of channels become squares."""
    n, c, h, w = x.shape
    b = blocksize
    if mode == "DCR":
        x = x.reshape(n, b, b, c // (b * b), h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        x = x.reshape(n, c // (b * b), b, b, h, w).permute(0, 1, 4, 2, 5, 3)
    return x.reshape(n, c // (b * b), h * b, w * b)


@operator("SpaceToDepth")
def space_to_depth(x: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Squares become blocks of channels."""
    n, c, h, w = x.shape
    b = blocksize
    parts = x.reshape(n, c, h // b, b, w // b, b)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return parts.permute(order).reshape(n, c * b * b, h // b, w // b)


def _pads(x: Tensor, pads: list[Any], axes: list[int] | None) -> list[tuple[Any, Any]]:
    """What is added before and behind each dimension."""
    axes = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]
    if len(pads) != 2 * len(axes):
        raise ValueError(f"Pad of {len(axes)} axes with {len(pads)} numbers: two for each axis are needed")
    found: list[tuple[Any, Any]] = [(0, 0)] * x.dim()
    for i, axis in enumerate(axes):
        found[axis] = (pads[i], pads[i + len(axes)])
    return found


@operator("Pad", 11, host={1: "ints", 3: "ints"})
def pad(
    x: Tensor, pads: list[Any], value: Tensor | None = None, axes: list[int] | None = None, *, mode: str = "constant"
) -> Tensor:
    """More elements at the ends of dimensions, or with negative numbers fewer."""
    for axis, (before, behind) in enumerate(_pads(x, pads, axes)):
        if isinstance(before, int) and isinstance(behind, int) and before == behind == 0:
            continue
        if mode == "constant":
            x = _pad_constant(x, axis, before, behind, value)
        else:
            x = _pad_from_data(x, axis, before, behind, mode)
    return x


@operator("Pad", 2)
def pad_2(x: Tensor, *, pads: list[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """More elements at the ends of dimensions, or with negative numbers fewer."""
    return pad(x, pads, torch.tensor(value, dtype=x.dtype), None, mode=mode)


def _pad_constant(x: Tensor, axis: int, before: Any, behind: Any, value: Tensor | None) -> Tensor:
    flat = [0, 0] * (x.dim() - 1 - axis) + [before, behind]
    if value is None:
        if x.dtype != torch.bool:
            return torch.nn.functional.pad(x, flat)
        value = torch.zeros((), dtype=x.dtype)
    filled = torch.nn.functional.pad(x.to(torch.uint8) if x.dtype == torch.bool else x, flat).to(x.dtype)
    inside = torch.nn.functional.pad(torch.ones(x.shape[axis], dtype=torch.uint8), [before, behind]).to(torch.bool)
    inside = inside.reshape([-1, *[1] * (x.dim() - 1 - axis)])
    return torch.where(inside, filled, value.reshape(()).to(x.dtype))


def _pad_from_data(x: Tensor, axis: int, before: Any, behind: Any, mode: str) -> Tensor:
    """The added elements are those of `x` at other places."""
    size = x.shape[axis]
    places = torch.arange(size + before + behind) - before
    if mode == "edge":
        places = places.clamp(0).clamp(max=size - 1)
    elif mode == "reflect":
        period = torch.tensor(2 * size - 2).clamp(min=1)
        places = torch.remainder(places, period)
        places = torch.where(places < size, places, period - places)
    elif mode == "wrap":
        places = torch.remainder(places, size)
    else:
        raise Unsupported(f"Pad with mode={mode!r}")
    return x.index_select(axis, places)


@operator("ReverseSequence", 10)
def reverse_sequence(x: Tensor, lengths: Tensor, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    """The first elements of each row, as many as `lengths` says, in the reverse order."""
    moved = x.movedim((batch_axis, time_axis), (0, 1))
    places = torch.arange(moved.shape[1])
    lengths = lengths.unsqueeze(1)
    places = torch.where(places < lengths, lengths - 1 - places, places)
    places = places.reshape([*places.shape, *[1] * (moved.dim() - 2)]).expand(moved.shape)
    return moved.gather(1, places).movedim((0, 1), (batch_axis, time_axis))
