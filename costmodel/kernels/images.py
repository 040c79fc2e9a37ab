"""Kernels on images and signals: convolutions, pooling, resizing, normalization by channel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import LEAST, Grouping, Handler
from adaptc.costmodel.kernels.layers import ACTIVATION_KINDS, FUSED_ACTIVATIONS, WAIT, tile
from adaptc.costmodel.kernels.movement import moves
from adaptc.costmodel.kernels.pooling import pool

_NORMS = ("batch_norm", "_native_batch_norm_legit_no_training")
_ACTIVATIONS = FUSED_ACTIVATIONS | {"clamp", "relu6", "hardtanh", "hardsigmoid"}
_PLAIN = frozenset({"conv.gemm", "conv.channels", "conv.spatial"})
"""Convolutions that the engine computes on the plain layout, as products of matrices or channel by channel."""

_SET = 4
"""The blocks of output channels that the engine computes at once from each input that it loads."""


def convolution(grouping: Grouping, call: Call) -> None:
    """A convolution with the normalization, the sum and the activation that become part of it."""
    given, weight = call.args[0], call.args[1]
    groups = _last_int(call.args)
    result, normalised = call.result, grouping.next(call.result, _NORMS)
    if normalised is not None:
        grouping.absorb(normalised)
        result = normalised.result
    out, inner = weight.shape[0], weight.shape[1]
    kind = _kind(grouping.channels, given, weight, groups, call)
    takes_plain = kind in _PLAIN or kind == "conv.image"
    (grouping.need_plain if takes_plain else grouping.need_blocked)(given, call)
    size = grouping.channels if kind not in _PLAIN else 1
    padded_out = math.ceil(out / size) * size
    padded_inner = inner if kind in ("conv.image", "conv.depthwise") else math.ceil(inner / size) * size
    kernel = math.prod(weight.shape[2:])
    stride = call.args[3][-1] if len(call.args) > 3 and isinstance(call.args[3], list) and call.args[3] else 1
    pixels = result.elements // max(1, out)
    lines = pixels // max(1, result.shape[-1])
    blocks = max(1, padded_out // size)
    sets = groups * math.ceil(blocks / groups / _SET) if kind == "conv.blocked" else math.ceil(blocks / _SET)
    each = result.elements // max(1, out * result.shape[0])
    if size == 1:
        tiles = float(result.shape[0] * groups * tile(out // groups, each, grouping.channels) * inner * kernel)
        computed = 1.0
    else:
        shared = 1 if kind == "conv.depthwise" else blocks // groups
        cycles, computed = _blocked(_windows(call, given, weight, result), shared, size, kind == "conv.pointwise")
        tiles = result.shape[0] * groups * cycles * 2 * size * padded_inner
    gathered = pixels * inner * groups * kernel if size == 1 and (kernel > 1 or stride != 1) else 0
    terms = {
        "macs": pixels * padded_out * padded_inner * kernel * computed,
        "weights": float(padded_out * padded_inner * kernel),
        "taken": float(given.elements),
        "results": float(pixels * padded_out),
        "lines": float(lines * blocks),
        "passes": float(pixels * blocks * max(1, padded_inner // size)),
        "columns": float(gathered),
        "strided": float(gathered) if stride != 1 else 0.0,
        "runs": float(gathered / max(1, result.shape[-1])),
        "groups": float(groups if size == 1 else 0),
        "loads": float(pixels * padded_inner * kernel * sets) if size > 1 else 0.0,
        "packed": float(pixels * inner * groups * kernel) if kind == "conv.gemm" else 0.0,
        "tiles": tiles,
    }
    terms["edges"] = terms["macs"] * _edges(call, weight, result.shape[-1], stride)
    shape = {"inner": inner * groups, "out": out, "kernel": kernel, "width": result.shape[-1], "lines": lines}
    shape |= {"groups": groups, "stride": stride if isinstance(stride, int) else 1}
    grouping.add(kind, "Conv", call, terms, shape)
    is_blocked = size > 1
    grouping.give_convolved(result)
    give = grouping.give_blocked if is_blocked else grouping.give_plain
    give(result)
    summed = grouping.next(result, ("add",)) if len(weight.shape) == 4 else None
    if summed is not None:
        others = [value for value in summed.tensors if value.name != result.name]
        there = len(others) == 1 and (grouping.has_blocked(others[0]) if is_blocked else grouping.has_plain(others[0]))
        if there and others[0].shape == result.shape:
            grouping.absorb(summed)
            result = summed.result
            give(result)
    activation = grouping.next(result, _ACTIVATIONS)
    if activation is not None:
        grouping.activate(activation, ACTIVATION_KINDS)
        give(activation.result)


@dataclass(frozen=True)
class _Window:
    """A filter along one axis of an image: `extent` numbers of the result, `taps` of the filter, of which all together
    hit the image `hits` times, and `inside` numbers for which all of them do."""

    extent: int
    taps: int
    hits: int
    inside: int


def _windows(call: Call, given: Value, weight: Value, result: Value) -> tuple[_Window, _Window]:
    """Those along the height and the width of the images of a call."""
    found = []
    for axis in (0, 1):
        stride, padding, dilation = (_of_axis(call, place, axis, usual) for place, usual in ((3, 1), (4, 0), (5, 1)))
        extent, size, taps = result.shape[2 + axis], given.shape[2 + axis], weight.shape[2 + axis]
        hit = [
            sum(0 <= number * stride - padding + tap * dilation < size for tap in range(taps))
            for number in range(extent)
        ]
        found.append(_Window(extent, taps, sum(hit), hit.count(taps)))
    return found[0], found[1]


def _of_axis(call: Call, place: int, axis: int, usual: int) -> int:
    given = call.args[place] if len(call.args) > place else None
    value = given[min(axis, len(given) - 1)] if isinstance(given, list) and given else None
    return value if isinstance(value, int) else usual


def _blocked(windows: tuple[_Window, _Window], blocks: int, lanes: int, flat: bool) -> tuple[float, float]:
    """The cycles for one input channel of a convolution on blocked images, and the share of the filters' numbers that
    hit the image: what would be multiplied with padding is left out. An image is one run of pixels where it is `flat`;
    else each line is one, and what stands at its ends is computed pixel by pixel."""
    high, wide = windows
    if flat:
        return _cycles(high.extent * wide.extent, blocks, lanes), 1.0
    share = high.hits * wide.hits / max(1, high.extent * high.taps * wide.extent * wide.taps)
    line = wide.taps * _cycles(wide.inside, blocks, lanes)
    line += (wide.hits - wide.inside * wide.taps) * _cycles(1, blocks, lanes)
    return high.hits * line, share


def _cycles(pixels: int, blocks: int, lanes: int) -> float:
    """The cycles that the engine takes for one number of each of the filters of `blocks` blocks of output channels, on
    a run of `pixels`: sets of 4 blocks by 3 pixels, or 6 with vectors of 16 `lanes`, at once."""
    most = 6 if lanes == 16 else 3
    whole, left = divmod(pixels, most)
    found = 0.0
    for filters, times in ((_SET, blocks // _SET), (blocks % _SET, 1)):
        if filters:
            found += times * (whole * max(WAIT, filters * most / 2) + left * max(WAIT, filters / 2))
    return found


def _edges(call: Call, weight: Value, width: int, stride: object) -> float:
    """The share of a line's pixels at which the filter stands out over the image: they are computed one by one."""
    padding = call.args[4] if len(call.args) > 4 else None
    if not isinstance(padding, list) or not padding or not isinstance(padding[-1], int):
        return 0.0
    reach = 2 * math.ceil(padding[-1] / (stride if isinstance(stride, int) and stride else 1))
    return min(1.0, reach / max(1, width))


def _kind(channels: int, given: Value, weight: Value, groups: int, call: Call) -> str:
    """How the engine computes a convolution: on blocked images, from a plain image, or as a product of matrices."""
    out, inner = weight.shape[0], weight.shape[1]
    if len(weight.shape) != 4:
        if groups > 1 and inner == 1:
            return "conv.channels"
        return "conv.gemm" if len(weight.shape) == 3 else "conv.spatial"
    if groups > 1:
        if groups == out and inner == 1 and out % LEAST == 0:
            return "conv.depthwise"
        if out % channels:
            return "conv.channels" if inner == 1 else "conv.gemm"
        return "conv.blocked" if inner % channels == 0 and (out // groups) % channels == 0 else "conv.gemm"
    if inner < channels:
        return "conv.image"
    if inner % LEAST:
        return "conv.gemm"
    padding = call.args[4] if len(call.args) > 4 else None
    padded = isinstance(padding, list) and any(each not in (0, None) for each in padding)
    return "conv.pointwise" if weight.shape[2:] == (1, 1) and not padded else "conv.blocked"


def _last_int(args: Any) -> int:
    numbers = [arg for arg in args[4:] if isinstance(arg, int) and not isinstance(arg, bool)]
    return numbers[-1] if numbers else 1


def _transposed(grouping: Grouping, call: Call) -> None:
    given, weight = call.args[0], call.args[1]
    grouping.need_plain(given, call)
    result, normalised = call.result, grouping.next(call.result, _NORMS)
    if normalised is not None:
        grouping.absorb(normalised)
        result = normalised.result
    kernel = math.prod(weight.shape[2:])
    pixels = given.elements // max(1, weight.shape[0])
    spread = pixels * weight.shape[1] * kernel
    terms = {
        "macs": float(spread * weight.shape[0]),
        "weights": float(weight.elements),
        "columns": float(spread),
        "results": float(call.result.elements),
    }
    grouping.add("conv.transposed", "ConvTranspose", call, terms, {"kernel": kernel})
    grouping.give_plain(result)


def _normalised(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    grouping.need_plain(given, call)
    rows = given.shape[0] * given.shape[1] if len(given.shape) > 1 else 1
    terms = {"elements": float(given.elements), "rows": float(rows)}
    grouping.add("norm.batch", "BatchNormalization", call, terms)
    for value in call.results:
        grouping.give_plain(value)


def _resized(grouping: Grouping, call: Call) -> None:
    (given, *_) = call.tensors
    whole = all(out % max(1, extent) == 0 for out, extent in zip(call.result.shape[2:], given.shape[2:]))
    if "nearest" in call.name and whole and grouping.has_blocked(given):
        grouping.add("resize.blocked", "Upsample", call, {"elements": float(call.result.elements)})
        grouping.give_blocked(call.result)
        return
    grouping.need_plain(given, call)
    kind = "resize.linear"
    if "nearest" in call.name:
        kind = "resize.nearest" if whole else "resize.general"
    grouping.add(kind, "Resize", call, {"elements": float(call.result.elements)})
    grouping.give_plain(call.result)


def _shuffled(grouping: Grouping, call: Call) -> None:
    moves(grouping, call, "DepthToSpace", call.result, 1.0, "shuffle")


def _regrouped(grouping: Grouping, call: Call) -> None:
    """What has no operator of its own in ONNX: the image seen with more axes, which change their places."""
    (given, *_) = call.tensors
    copied = float(given.bytes) if grouping.is_border(given) else 0.0
    grouping.add("reshape", "Reshape", call, {"bytes": copied})
    if call.name == "channel_shuffle":
        moves(grouping, call, "Transpose", call.result, math.prod(given.shape[2:]), "transpose")
    else:
        moves(grouping, call, "Transpose", call.result, 1.0, "transpose.general")
    copied = float(given.bytes) if grouping.is_border(call.result) else 0.0
    grouping.add("reshape", "Reshape", call, {"bytes": copied})


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d", "convolution"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed),
    **dict.fromkeys(("max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "max_pool2d_with_indices"), pool),
    **dict.fromkeys(_NORMS, _normalised),
    **dict.fromkeys(("upsample_nearest2d", "upsample_nearest1d", "upsample_bilinear2d"), _resized),
    "pixel_shuffle": _shuffled,
    **dict.fromkeys(("pixel_unshuffle", "channel_shuffle"), _regrouped),
}
