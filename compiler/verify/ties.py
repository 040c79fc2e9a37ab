"""Values that are equal but for rounding: which of them `topk` chooses, PyTorch leaves open."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from adaptc.compiler.verify.flips import MARGINAL
from adaptc.compiler.verify.frames import UserLines


class Ties(TorchFunctionMode):
    """Notes in `found` the calls of `topk` that choose among equal floats, each as a "file:line".

    Other functions choose the first of equal values, in PyTorch and in ONNX Runtime.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._lines = UserLines()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in (torch.topk, torch.Tensor.topk):
            with torch._C.DisableTorchFunction(), torch.no_grad():
                if _tied(*args, **(kwargs or {})):
                    self.found.append(self._lines.current().loc)
        return result


def _tied(
    input: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True, *, out: object = None
) -> bool:
    """Whether two of the values that `topk` chooses, or the last of them and the first that it leaves, are equal."""
    if not input.is_floating_point() or input.dim() == 0:
        return False
    values = input.double().sort(dim, descending=largest).values.movedim(dim, -1)[..., : int(k) + 1]
    left, right = values[..., :-1], values[..., 1:]
    near = (left - right).abs() <= MARGINAL * torch.maximum(left.abs(), right.abs())
    return bool((near | (left == right)).any())
