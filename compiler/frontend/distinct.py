"""torch.unique_consecutive along a dimension: torch's shape rule is wrong for dimensions that count from the end, and
its translation to ONNX takes vectors only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from adaptc.compiler.frontend import masks
from adaptc.compiler.frontend.assembling import assemble

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def unique_consecutive(
    recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """The rows along `dim` that differ from the ones before them; a NaN differs from everything."""
    given = dict(zip(("input", "return_inverse", "return_counts", "dim"), args, strict=False), **kwargs)
    tensor, dim = recorder.fake(given["self"] if "self" in given else given["input"]), given.get("dim")
    if dim is None or not tensor.dim():
        return recorder.record(func, args, kwargs)
    dim %= tensor.dim()
    rows = recorder.record(torch.movedim, (tensor, dim, 0), {})
    count = rows.shape[0]
    later = recorder.record(torch.Tensor.__getitem__, (rows, slice(1, None)), {})
    earlier = recorder.record(torch.Tensor.__getitem__, (rows, slice(None, -1)), {})
    fresh = recorder.record(torch.ne, (later, earlier), {})
    if tensor.dim() > 1:
        fresh = recorder.record(torch.any, (recorder.record(torch.flatten, (fresh, 1), {}), 1), {})
    first = recorder.record(torch.ones, (count,), {"dtype": torch.bool})
    first = recorder.record(torch.Tensor.__getitem__, (first, slice(None, 1)), {})
    fresh = recorder.record(torch.cat, ([first, fresh],), {})
    (places,) = masks.places(recorder, fresh)
    results = [recorder.record(torch.index_select, (tensor, dim, places), {})]
    if given.get("return_inverse"):
        results.append(recorder.record(torch.sub, (recorder.record(torch.cumsum, (fresh, 0), {}), 1), {}))
    if given.get("return_counts"):
        end = recorder.record(torch.reshape, (recorder.record(assemble, (count, torch.int64), {}), (1,)), {})
        ends = recorder.record(torch.Tensor.__getitem__, (places, slice(1, None)), {})
        results.append(recorder.record(torch.sub, (recorder.record(torch.cat, ([ends, end],), {}), places), {}))
    return results[0] if len(results) == 1 else tuple(results)
