"""The cost model of one machine and engine, and its file."""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.features import Features, features_of_text
from adaptc.costmodel.models.boosted import BoostedKernelSum, Correction
from adaptc.costmodel.models.kernel_sum import KernelSum, default_prices
from adaptc.costmodel.models.trees import Trees
from adaptc.costmodel.prediction import Prediction

FORMAT = 2
"""The version of the file's format."""

SUFFIX = ".costmodel"

_WIDE = math.log(2.0)
"""How much wider the range of a prediction is for each reason to doubt it, as a logarithm."""

_SLACK = math.log(1.5)
"""How far beyond the largest amount of work in the data a kernel may be and is no reason to doubt, as a logarithm."""


_MOST_KNOWN = 4096
"""Predictions that a model remembers."""


@dataclass(frozen=True)
class ControlCosts:
    """What control costs, in µs: within a graph an `If`, an iteration of a `Loop`, and a copy of a byte; by the host a
    call of a unit, with others between, and each array that goes in or comes out."""

    branch: float
    iteration: float
    byte: float
    call: float
    value: float


@dataclass(frozen=True)
class CostModel:
    """`predictor` prices units of code for an engine on a machine, which keeps images in blocks of `channels` channels.

    `band` are the logarithms of measured by predicted times, the 5th and the 95th percentile, for units of families
    that the model had not seen. `largest` are the largest amounts of work that a kernel had in the data, by
    "kind.term". `about` says what it was made of.
    """

    predictor: BoostedKernelSum
    channels: int
    band: tuple[float, float]
    largest: Mapping[str, float]
    control: ControlCosts
    about: Mapping[str, Any] = field(default_factory=dict)
    _known: dict[int, tuple[Features, Prediction]] = field(default_factory=dict, repr=False, compare=False)

    def predict(self, features: Features) -> Prediction:
        """The time of a unit that is made of this code. What was asked for before is known."""
        known = self._known.get(id(features))
        if known is not None:
            return known[1]
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        prediction = self._predict(features)
        self._known[id(features)] = features, prediction
        return prediction

    def _predict(self, features: Features) -> Prediction:
        kernels = self.predictor.time(features)
        total = kernels + self._call(features)
        warnings = self.doubts(features)
        wide = _WIDE * len(warnings)
        low, high = (total * math.exp(each) for each in (self.band[0] - wide, self.band[1] + wide))
        return Prediction(total, kernels, low, high, tuple(warnings))

    def predict_text(self, text: str, unknown: int = 1) -> dict[str, Prediction]:
        """The times of the blocks of a module in MLIR text, each as a unit of its own, by "function^block".

        An extent that the text leaves open counts as `unknown`. Raises `MlirError`.
        """
        found = features_of_text(text, self.channels, unknown)
        return {name: self.predict(features) for name, features in found.items()}

    def doubts(self, features: Features) -> list[str]:
        """Why a prediction for this code may be far off; empty where the data has the like of it."""
        found = [f"{name} (line {line}) is not known to it" for name, line in features.unknown.items()]
        kinds = self._kinds
        beyond = set()
        for kernel in features.kernels:
            if kernel.kind not in kinds and kernel.op not in features.unknown:
                found.append(f"its data has no {kernel.op} (line {kernel.line})")
            for name, amount in kernel.terms.items():
                largest = self.largest.get(f"{kernel.kind}.{name}")
                if largest and amount > largest * math.exp(_SLACK):
                    beyond.add((kernel.op, kernel.line))
        found += [f"{op} (line {line}) is larger than any in its data" for op, line in sorted(beyond)]
        return list(dict.fromkeys(found))

    @cached_property
    def _kinds(self) -> frozenset[str]:
        return frozenset(name.rsplit(".", 1)[0] for name in self.predictor.base.coefficients)

    @cached_property
    def number(self) -> float:
        """The µs of a kernel in a graph that computes with a number: what kernels take that hardly compute anything."""
        return self.predictor.base.defaults.get("fixed", 0.0)

    def _call(self, features: Features) -> float:
        calls = {name: amount for name, amount in features.with_call.items() if name.startswith("call.")}
        return self.predictor.base.time(calls)


def write_model(model: CostModel, file: Path) -> None:
    """Write `model` into `file`: a zip of arrays, and JSON without them. Equal models give equal files."""
    arrays: dict[str, Any] = {}
    corrections = {}
    for kind, each in model.predictor.corrections.items():
        corrections[kind] = {"columns": list(each.columns)}
        trees = each.trees
        parts = {"lowest": each.lowest, "highest": each.highest, "feature": trees.feature.astype(np.int16)}
        parts |= {"threshold": trees.threshold.astype(np.float32), "mask": trees.mask}
        parts["leaves"] = trees.leaves.astype(np.float32)
        arrays |= {f"{kind}/{name}": array for name, array in parts.items()}
    record = {
        "format": FORMAT,
        "channels": model.channels,
        "band": list(model.band),
        "coefficients": dict(model.predictor.base.coefficients),
        "corrections": corrections,
        "largest": dict(model.largest),
        "control": asdict(model.control),
        "about": dict(model.about),
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("model.json"), json.dumps(record, indent=1))
        for name, array in sorted(arrays.items()):
            held = io.BytesIO()
            np.save(held, array, allow_pickle=False)
            archive.writestr(_entry(f"{name}.npy"), held.getvalue())


def read_model(file: Path) -> CostModel:
    """The model in `file`. Raises `CostModelError` where it is none, or of another format."""
    try:
        with zipfile.ZipFile(file) as archive:
            record = json.loads(archive.read("model.json"))
            if record.get("format") != FORMAT:
                raise CostModelError(
                    f"{file} has format {record.get('format')}, this adaptc reads {FORMAT}: train or calibrate again"
                )
            corrections = {
                kind: _correction(archive, kind, given["columns"]) for kind, given in record["corrections"].items()
            }
            return CostModel(
                BoostedKernelSum(
                    KernelSum(record["coefficients"], default_prices(record["coefficients"])), corrections
                ),
                record["channels"],
                (record["band"][0], record["band"][1]),
                record["largest"],
                ControlCosts(**record["control"]),
                record["about"],
            )
    except OSError as error:
        raise CostModelError(f"cannot read {file}: {error.strerror or error}") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise CostModelError(f"{file} is not a cost model that adaptc wrote: {error}") from error


def _correction(archive: zipfile.ZipFile, kind: str, columns: list[str]) -> Correction:
    def array(name: str) -> Any:
        return np.load(io.BytesIO(archive.read(f"{kind}/{name}.npy")), allow_pickle=False)

    trees = Trees(
        array("feature").astype(np.int64),
        array("threshold").astype(np.float64),
        array("mask"),
        array("leaves").astype(np.float64),
    )
    return Correction(tuple(columns), array("lowest"), array("highest"), trees)


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
