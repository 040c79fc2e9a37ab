"""The data of the examples: scikit-learn's 1,797 handwritten digits of 8x8 pixels, always split alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


@dataclass(frozen=True)
class Digits:
    """Images are float32 [N, 1, 8, 8] in 0..1; labels are int64 [N]."""

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]


def load(test_size: int = 500) -> Digits:
    """The digits, `test_size` of them held out; the classes are equally frequent in both parts."""
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None]
    labels = data.target.astype(np.int64)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=test_size, stratify=labels, random_state=0
    )
    return Digits(train_images, train_labels, test_images, test_labels)
