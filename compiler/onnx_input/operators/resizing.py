"""Images of other sizes, each axis by itself: where an element of the result lies in the input, and what is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.onnx_input.registry import Unsupported, operator


@dataclass(frozen=True)
class _Axis:
    """One axis to be resized: `scale` is new by old size."""

    number: int
    old: Any
    new: Any
    scale: Any
    start: float = 0.0
    end: float = 1.0


@operator("Resize", 11, host={1: "floats", 2: "floats", 3: "ints"})
def resize(
    x: Tensor,
    roi: list[float] | None = None,
    scales: list[float] | None = None,
    sizes: list[Any] | None = None,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    """Nearest, linear and cubic, with all ways to place the elements."""
    if antialias:
        raise Unsupported("Resize with antialias")
    axes = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]
    for axis in _axes(x, axes, roi, scales or None, sizes, keep_aspect_ratio_policy):
        if (
            isinstance(axis.scale, float)
            and axis.scale == 1.0
            and coordinate_transformation_mode != "tf_crop_and_resize"
        ):
            continue
        places = _places(axis, coordinate_transformation_mode)
        if mode == "nearest":
            made = x.index_select(axis.number, _nearest(places, nearest_mode).clamp(0).clamp(max=axis.old - 1))
        elif mode == "linear":
            made = _mixed(x, axis, places, [1 - (places - places.floor()), places - places.floor()], 0, False)
        elif mode == "cubic":
            weights = _cubic(places - places.floor(), cubic_coeff_a)
            made = _mixed(x, axis, places, weights, -1, bool(exclude_outside))
        else:
            raise Unsupported(f"Resize with mode={mode!r}")
        if coordinate_transformation_mode == "tf_crop_and_resize":
            shape = [-1, *[1] * (x.dim() - 1 - axis.number)]
            outside = ((places < 0) | (places > axis.old - 1)).reshape(shape)
            made = torch.where(outside, torch.tensor(extrapolation_value, dtype=x.dtype), made)
        x = made
    return x


@operator("Resize", 10, host={1: "floats"})
def resize_10(x: Tensor, scales: list[float], *, mode: str = "nearest") -> Tensor:
    """Nearest and linear, each element in the corner of what it stands for."""
    return resize(x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor")


@operator("Upsample", 9, host={1: "floats"})
def upsample(x: Tensor, scales: list[float], *, mode: str = "nearest") -> Tensor:
    """`Resize` before there was one."""
    return resize_10(x, scales, mode=mode)


@operator("Upsample", 7)
def upsample_7(x: Tensor, *, scales: list[float], mode: str = "nearest") -> Tensor:
    """`Resize` before there was one."""
    return resize_10(x, scales, mode=mode)


def _axes(
    x: Tensor,
    axes: list[int],
    roi: list[float] | None,
    scales: list[float] | None,
    sizes: list[Any] | None,
    policy: str,
) -> list[_Axis]:
    old = [x.shape[axis] for axis in axes]
    if scales is not None:
        factors: list[Any] = [float(torch.tensor(scale, dtype=torch.float32)) for scale in scales]
        new = [_scaled(size, factor) for size, factor in zip(old, factors)]
    elif sizes is not None:
        new = list(sizes)
        if policy != "stretch":
            if not all(isinstance(size, int) for size in (*new, *old)):
                raise Unsupported("Resize that keeps the aspect ratio, of a tensor whose sizes vary")
            chosen = (min if policy == "not_larger" else max)(n / o for n, o in zip(new, old))
            new = [int(chosen * o + 0.5) for o in old]
            factors = [chosen] * len(old)
        else:
            factors = [1.0 if n is o else n / o for n, o in zip(new, old)]
    else:
        raise Unsupported("Resize without scales and sizes")
    starts, ends = ([0.0] * len(axes), [1.0] * len(axes)) if not roi else (roi[: len(axes)], roi[len(axes) :])
    return [_Axis(*numbers) for numbers in zip(axes, old, new, factors, starts, ends)]


def _scaled(size: Any, factor: float) -> Any:
    if isinstance(size, int):
        return int(size * factor)
    if factor == int(factor):
        return size * int(factor)
    if 1 / factor == int(1 / factor):
        return size // int(1 / factor)
    raise Unsupported(f"Resize by {factor} of a dimension whose size varies")


def _places(axis: _Axis, mode: str) -> Any:
    """Where each element of the result lies among the old ones."""
    steps = torch.arange(axis.new).to(torch.float32)
    if mode == "asymmetric":
        return steps / axis.scale
    if mode == "align_corners":
        last = axis.old * axis.scale - 1  # not rounded, where scales are given
        return torch.where(torch.tensor(axis.new) > 1, steps * (axis.old - 1) / last, torch.zeros(()))
    if mode == "tf_crop_and_resize":
        if axis.new == 1:
            return steps + 0.5 * (axis.start + axis.end) * (axis.old - 1)
        return axis.start * (axis.old - 1) + steps * (axis.end - axis.start) * (axis.old - 1) / (axis.new - 1)
    places = (steps + 0.5) / axis.scale - 0.5
    if mode == "half_pixel":
        return places
    if mode == "pytorch_half_pixel":
        return torch.where(torch.tensor(axis.new) > 1, places, torch.zeros(()))
    if mode == "half_pixel_symmetric":
        # what rounding the new size cut off is left out on both sides
        adjusted = axis.new / (axis.old * axis.scale)
        return places + axis.old / 2 * (1 - adjusted)
    raise Unsupported(f"Resize with coordinate_transformation_mode={mode!r}")


def _nearest(places: Tensor, mode: str) -> Tensor:
    if mode == "round_prefer_floor":
        return torch.ceil(places - 0.5).to(torch.int64)
    if mode == "round_prefer_ceil":
        return torch.floor(places + 0.5).to(torch.int64)
    return (torch.floor if mode == "floor" else torch.ceil)(places).to(torch.int64)


def _cubic(t: Tensor, a: float) -> list[Tensor]:
    """The weights of the four elements around a place that lies `t` behind the second (Keys, 1981)."""
    far, near = t + 1, 1 - t
    return [
        ((a * far - 5 * a) * far + 8 * a) * far - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * near - (a + 3)) * near * near + 1,
        ((a * (near + 1) - 5 * a) * (near + 1) + 8 * a) * (near + 1) - 4 * a,
    ]


def _mixed(x: Tensor, axis: _Axis, places: Tensor, weights: list[Tensor], first: int, exclude: bool) -> Tensor:
    """The sum of elements of `x` from number `first` of each place on, by weight."""
    shape = [-1, *[1] * (x.dim() - 1 - axis.number)]
    base = places.floor().to(torch.int64) + first
    numbers = [base + step for step in range(len(weights))]
    if exclude:
        weights = [w * ((n >= 0) & (n < axis.old)) for w, n in zip(weights, numbers)]
        total = torch.stack(weights).sum(0)
        weights = [w / total for w in weights]
    parts = [
        x.index_select(axis.number, n.clamp(0).clamp(max=axis.old - 1)) * w.reshape(shape)
        for w, n in zip(weights, numbers)
    ]
    return torch.stack(parts).sum(0).to(x.dtype)


@operator("GridSample", 16)
def grid_sample(
    x: Tensor, grid: Tensor, *, align_corners: int = 0, mode: str = "bilinear", padding_mode: str = "zeros"
) -> Tensor:
    """`functional.grid_sample`."""
    name = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    return functional.grid_sample(x, grid, name, padding_mode, bool(align_corners))
