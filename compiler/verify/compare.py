"""Compares the outputs of eager PyTorch with those of a compiled network, leaf by leaf."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from adaptc.compiler.structure import StructureError, flatten, leaf_paths, show

Array = npt.NDArray[Any]

_FLOOR = 1e-6
_TOLERANCES = {
    torch.float64: 1e-9,
    torch.float32: 1e-5,
    torch.float16: 2e-3,
    torch.bfloat16: 2e-2,
    torch.complex64: 1e-5,
    torch.complex128: 1e-9,
}
_PYTHON_FLOAT = 1e-5
"""A Python float comes from a tensor, mostly a float32 one."""


@dataclass(frozen=True)
class Difference:
    """A leaf that is not what eager PyTorch gives: `where` ("output['aux'][0]"), the values, the reason.

    For arrays, `index` is the place of the worst element, whose values are `eager` and `ours`; `error` is the
    relative error of the leaf (infinite where it has no meaning), `tolerance` what was allowed, and `leaf` its number
    in flat order.
    """

    where: str
    eager: str
    ours: str
    reason: str
    error: float
    index: tuple[int, ...] | None = None
    tolerance: float = 0.0
    leaf: int = -1

    def __str__(self) -> str:
        place = self.where + (f"[{', '.join(map(str, self.index))}]" if self.index else "")
        return f"{place}: {self.reason}: eager gives {self.eager}, the compiled network {self.ours}"


@dataclass(frozen=True)
class Rounded:
    """A leaf above its tolerance that is as near to float64 as float32 comes.

    `double` is the value of the worst element in a float64 run of eager PyTorch; `ours_off` and `eager_off` are how
    far the compiled network and eager PyTorch are from that run, at most over the leaf; `rounding` is how far
    rounding was seen to move it.
    """

    difference: Difference
    double: str
    ours_off: float
    eager_off: float
    rounding: float

    def __str__(self) -> str:
        return (
            f"{self.difference}; by rounding: in float64 it is {self.double}, from which eager PyTorch is "
            f"{self.eager_off:.3g} off and the compiled network {self.ours_off:.3g}"
        )


@dataclass(frozen=True)
class Comparison:
    """The largest relative error of any leaf, and the leaves that are not within their tolerance.

    Those that rounding explains are `rounded`, the others `differences`; `unjudged` says why rounding could not be
    judged, where there was need.
    """

    max_relative_error: float
    differences: tuple[Difference, ...]
    rounded: tuple[Rounded, ...] = ()
    unjudged: str = ""


def compare(eager: object, ours: object, *, coarsest: Sequence[torch.dtype] = (), root: str = "output") -> Comparison:
    """Compare nested outputs: `eager` holds tensors, `ours` NumPy arrays; `root` is what they are called.

    The error of a float leaf is max|ours - eager| / max(max|eager|, 1e-6); NaN and infinities must stand in
    the same places. Integers, bools, strings, shapes, dtypes and the structure must be equal, except that
    float16 and bfloat16 outputs may come back as float32. No leaf is held to more than the tolerance of the least
    precise dtype on its way, which `coarsest` has for each leaf; where the leaves are others, the least of all counts.
    """
    tree, leaves = flatten(eager, "leaf")
    try:
        our_tree, our_leaves = flatten(ours, "leaf", arrays=True)
    except StructureError as error:
        return Comparison(math.inf, (Difference("output", show(tree), str(error), "no such structure", math.inf),))
    if our_tree != tree:
        reason = "the structure differs"
        return Comparison(math.inf, (Difference("output", show(tree), show(our_tree), reason, math.inf),))
    worst = 0.0
    differences: list[Difference] = []
    if len(coarsest) != len(leaves):
        coarsest = [max(coarsest, key=_TOLERANCES.__getitem__, default=torch.float64)] * len(leaves)
    for number, ((where, _), leaf, our_leaf) in enumerate(zip(leaf_paths(tree, root), leaves, our_leaves)):
        result = compare_leaf(where, leaf, our_leaf, coarsest[number])
        if isinstance(result, Difference):
            differences.append(replace(result, leaf=number))
        else:
            worst = max(worst, result)
    return Comparison(max([worst, *(d.error for d in differences)]), tuple(differences))


def compare_leaf(where: str, eager: Any, ours: Any, coarsest: torch.dtype = torch.float64) -> Difference | float:
    """The relative error of one leaf, or the `Difference` where it is above the tolerance of its dtype."""
    if isinstance(eager, torch.Tensor):
        if not isinstance(ours, (np.ndarray, np.generic)):
            return Difference(where, _described(eager), _described(ours), "no array", math.inf)
        array = np.asarray(ours)
        allowed = _dtypes(eager.dtype)
        if array.dtype not in allowed:
            return Difference(where, str(allowed[0]), str(array.dtype), "the dtype differs", math.inf)
        if tuple(eager.shape) != array.shape:
            return Difference(where, str(tuple(eager.shape)), str(array.shape), "the shape differs", math.inf)
        tolerance = _TOLERANCES.get(eager.dtype)
        if tolerance is not None:
            tolerance = max(tolerance, _TOLERANCES[coarsest])
        return _compare_arrays(where, to_numpy(eager), array, tolerance)
    if type(eager) is not type(ours):
        return Difference(where, _described(eager), _described(ours), "the class differs", math.inf)
    if isinstance(eager, float):
        tolerance = max(_PYTHON_FLOAT, _TOLERANCES[coarsest])
        return _compare_arrays(where, np.asarray(eager), np.asarray(ours), tolerance)
    if eager != ours:
        return Difference(where, repr(eager), repr(ours), "the value differs", math.inf)
    return 0.0


def to_numpy(tensor: torch.Tensor) -> Array:
    """The values of a tensor as an array; bfloat16, which NumPy lacks, as float32."""
    tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
    array: Array = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return array


def _dtypes(dtype: torch.dtype) -> Sequence[np.dtype[Any]]:
    own = to_numpy(torch.empty(0, dtype=dtype)).dtype
    return (own, np.dtype("float32")) if dtype == torch.float16 else (own,)


def _compare_arrays(where: str, eager: Array, ours: Array, tolerance: float | None) -> Difference | float:
    if eager.size == 0:
        return 0.0
    if tolerance is None:
        wrong, error = eager != ours, math.inf
        reason = "an element differs"
    else:
        eager, ours = eager.astype(_wide(eager)), ours.astype(_wide(ours))
        finite = np.isfinite(eager)
        # NaN must stand where NaN stands, and an infinity where one of its sign does.
        wrong = np.where(finite, ~np.isfinite(ours), ~((eager == ours) | (np.isnan(eager) & np.isnan(ours))))
        error, reason = math.inf, "NaN or infinity differs"
        if not wrong.any():
            gaps = np.where(finite, np.abs(np.where(finite, ours, 0) - np.where(finite, eager, 0)), 0)
            error = float(gaps.max()) / scale_of(eager)
            if error <= tolerance:
                return error
            wrong = gaps == gaps.max()
            reason = f"relative error {error:.3g} is above {tolerance:g}"
    if not wrong.any():
        return 0.0
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
    return Difference(where, str(eager[index]), str(ours[index]), reason, error, index, tolerance or 0.0)


def scale_of(eager: Array) -> float:
    """What the error of a leaf is relative to."""
    return max(float(np.abs(eager[np.isfinite(eager)]).max(initial=0.0)), _FLOOR)


def _wide(array: Array) -> type[np.floating[Any]] | type[np.complexfloating[Any, Any]]:
    return np.complex128 if np.iscomplexobj(array) else np.float64


def _described(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a {value.dtype} tensor of shape {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a {value.dtype} array of shape {value.shape}"
    return repr(value)
