"""Compares a network that was read from an ONNX model with the model itself, run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator

from adaptc.compiler.onnx_input.model import Model

TOLERANCES = {"float16": 1e-2, "float32": 1e-4, "float64": 1e-9}
"""Differences that rounding explains, relative to the largest value: another engine adds up in another order."""


@dataclass(frozen=True)
class Difference:
    """An output that differs: its name and how."""

    output: str
    text: str


class Reference:
    """Runs a model: with ONNX Runtime, or with ONNX's reference evaluator where that cannot load it."""

    def __init__(self, model: Model) -> None:
        self.name = f"ONNX Runtime {onnxruntime.__version__}"
        self._outputs = [info.name for info in model.original.graph.output]
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        source = str(model.path) if model.path is not None else model.original.SerializeToString()
        try:
            session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
            self._run: Any = session.run
        except Exception:  # noqa: BLE001 (its errors have classes of their own, without a common base)
            self.name = f"the reference evaluator of ONNX {onnx.__version__}"
            evaluator = ReferenceEvaluator(str(model.path) if model.path is not None else model.original)
            self._run = evaluator.run

    def outputs(self, inputs: dict[str, NDArray[Any]]) -> list[Any]:
        """The model's outputs. Raises whatever the engine does where it fails."""
        return list(self._run(self._outputs, inputs))

    def differences(self, expected: Sequence[Any], found: Sequence[Any]) -> list[Difference]:
        """The outputs of the network that differ from those of the model."""
        made = []
        for name, theirs, ours in zip(self._outputs, expected, found, strict=True):
            text = _difference(theirs, ours)
            if text:
                made.append(Difference(name, text))
        return made


def _difference(theirs: Any, ours: Any) -> str:
    if isinstance(theirs, list):
        if not isinstance(ours, list) or len(ours) != len(theirs):
            return f"a sequence of {len(theirs)} tensors against {len(ours) if isinstance(ours, list) else 'none'}"
        return next((text for one, other in zip(theirs, ours) if (text := _difference(one, other))), "")
    if theirs is None or ours is None:
        return "" if theirs is None and ours is None else "a value against none"
    array = _numpy(ours)
    expected = np.asarray(theirs)
    if array.dtype != expected.dtype or array.shape != expected.shape:
        return f"{expected.dtype}{list(expected.shape)} against {array.dtype}{list(array.shape)}"
    if expected.dtype.kind not in "f":
        count = int((array != expected).sum())
        return f"{count} of {expected.size} elements differ" if count else ""
    wide, other = expected.astype(np.float64), array.astype(np.float64)
    same = (wide == other) | (np.isnan(wide) & np.isnan(other))
    if same.all():
        return ""
    largest = float(np.abs(np.where(np.isfinite(wide), wide, 0)).max(initial=0.0))
    distance = np.where(same, 0.0, np.abs(wide - other))
    error = float(distance.max()) / max(largest, 1e-6)
    return "" if error <= TOLERANCES[expected.dtype.name] else f"a relative difference of {error:.1e}"


def _numpy(value: Any) -> NDArray[Any]:
    if isinstance(value, torch.Tensor):
        detached = value.detach()
        array: NDArray[Any] = (detached.float() if detached.dtype == torch.bfloat16 else detached).numpy()
        return array
    return np.asarray(value)
