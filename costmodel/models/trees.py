"""Many small decision trees at once, in NumPy: the leaf of each tree is found from all its tests together.

Follows QuickScorer (Lucchese et al., SIGIR 2015): each test that fails takes the leaves on its left out of a tree's
bits, and the lowest bit that is left is the leaf. Trees have at most 64 leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_LEAVES = 64


@dataclass(frozen=True)
class Trees:
    """`feature`, `threshold` and `mask` have a row for each tree and a column for each test, `leaves` one for each
    leaf. A test that fails (the feature is above its threshold) leaves of a tree's leaves those in its mask."""

    feature: NDArray[np.int64]
    threshold: Array
    mask: NDArray[np.uint64]
    leaves: Array

    def sum(self, rows: Array) -> Array:
        """For each row of features the sum of the leaves that it comes to."""
        failed = rows[:, self.feature] > self.threshold
        left = np.bitwise_and.reduce(np.where(failed, self.mask, _ALL), axis=2)
        lowest = left & (~left + np.uint64(1))
        places = np.log2(lowest.astype(np.float64)).astype(np.int64)
        values: Array = self.leaves[np.arange(len(self.leaves)), places].sum(axis=1)
        return values


_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def trees_of(structures: Sequence[Mapping[str, Any]]) -> Trees:
    """The trees that LightGBM dumps as `tree_structure`."""
    found = [_Tree(structure) for structure in structures]
    tests = max(1, max((len(tree.features) for tree in found), default=1))
    leaves = max(1, max((len(tree.values) for tree in found), default=1))
    feature = np.zeros((len(found), tests), np.int64)
    threshold = np.full((len(found), tests), np.inf)
    mask = np.full((len(found), tests), _ALL, np.uint64)
    values = np.zeros((len(found), leaves))
    for row, tree in enumerate(found):
        count = len(tree.features)
        feature[row, :count] = tree.features
        threshold[row, :count] = tree.thresholds
        mask[row, :count] = np.array(tree.masks, np.uint64)
        values[row, : len(tree.values)] = tree.values
    return Trees(feature, threshold, mask, values)


class _Tree:
    """One tree taken apart; its leaves are numbered from left to right."""

    def __init__(self, structure: Mapping[str, Any]) -> None:
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.masks: list[int] = []
        self.values: list[float] = []
        self._walk(structure)

    def _walk(self, node: Mapping[str, Any]) -> None:
        if "leaf_value" in node:
            self.values.append(float(node["leaf_value"]))
            return
        place = len(self.features)
        self.features.append(int(node["split_feature"]))
        self.thresholds.append(float(node["threshold"]))
        self.masks.append(0)
        first = len(self.values)
        self._walk(node["left_child"])
        left = ((1 << len(self.values)) - 1) ^ ((1 << first) - 1)
        self.masks[place] = ((1 << MOST_LEAVES) - 1) ^ left
        self._walk(node["right_child"])
