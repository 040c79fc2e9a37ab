"""An application without PyTorch: classify images one by one with an artifact of the early-exit CNN.

    python examples/application.py ARTIFACT images.npy results.npz

`images.npy` holds float32 [N, 1, 8, 8]. The results are the logits [N, classes], the exit [N] that each image
took, and the microseconds [N] of each call.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import adaptc

WARM_UP = 50


def main(artifact: Path, images_file: Path, results_file: Path) -> None:
    images = np.load(images_file)
    network = adaptc.load(artifact)
    for image in images[:WARM_UP]:
        network(image[None])
    logits, exits, microseconds = [], [], []
    for image in images:
        start = time.perf_counter_ns()
        output, exit_index = network(image[None])
        microseconds.append((time.perf_counter_ns() - start) / 1e3)
        logits.append(output[0])
        exits.append(exit_index)
    assert "torch" not in sys.modules, "this process was to run without PyTorch"
    np.savez(results_file, logits=np.stack(logits), exits=np.array(exits), microseconds=np.array(microseconds))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
