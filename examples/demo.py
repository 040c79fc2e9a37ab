"""What `make demo` shows: the early-exit CNN compiled, verified on every path, and run without PyTorch.

The test images are classified by eager PyTorch in this process and, in turns, by the artifact in processes
that never import torch (application.py). Exits with 1 if any image is classified differently.
"""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import digits
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
EXAMPLE = HERE / "early_exit_cnn"
ARTIFACT = HERE.parent / "artifacts" / "early_exit_cnn"
ROUNDS = 5
WARM_UP = 50


@dataclass(frozen=True)
class Run:
    """Logits [N, classes], the exit taken [N], and the microseconds of each call [N]."""

    logits: NDArray[np.float32]
    exits: NDArray[np.int64]
    microseconds: NDArray[np.float64]


def compile_example() -> None:
    """Compile and verify with the command, whose output is part of the demonstration."""
    model = EXAMPLE.relative_to(HERE.parent) / "model.py"
    command = ["adaptc", "compile", str(model), "-o", str(ARTIFACT.relative_to(HERE.parent))]
    print("$", *command, flush=True)
    subprocess.run([sys.executable, "-m", *command], check=True, cwd=HERE.parent)


def run_artifact(images: NDArray[np.float32]) -> Run:
    """Classify `images` in a new process that has no torch, handing the data over as .npy and .npz files."""
    with tempfile.TemporaryDirectory() as folder:
        images_file, results_file = Path(folder, "images.npy"), Path(folder, "results.npz")
        np.save(images_file, images)
        application = [sys.executable, str(HERE / "application.py"), str(ARTIFACT)]
        subprocess.run([*application, str(images_file), str(results_file)], check=True)
        with np.load(results_file) as results:
            return Run(results["logits"], results["exits"], results["microseconds"])


def run_eager(network: torch.nn.Module, images: NDArray[np.float32]) -> Run:
    """Classify `images` with eager PyTorch on one thread, without gradients."""
    tensors = torch.from_numpy(images)
    logits, exits, microseconds = [], [], []
    with torch.inference_mode():
        for image in tensors[:WARM_UP]:
            network(image[None])
        for image in tensors:
            start = time.perf_counter_ns()
            output, exit_index = network(image[None])
            microseconds.append((time.perf_counter_ns() - start) / 1e3)
            logits.append(output[0].numpy())
            exits.append(exit_index)
    return Run(np.stack(logits), np.array(exits), np.array(microseconds))


def median(runs: list[Run]) -> NDArray[np.float64]:
    """Each image's median microseconds over the rounds."""
    return np.median([run.microseconds for run in runs], axis=0)


def exit_table(eager: list[Run], ours: list[Run]) -> Table:
    """The histogram of exits with the latency of the images that leave at each."""
    title = "Exits and latency (median per image, one thread)"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("exit")
    table.add_column("images", justify="right")
    table.add_column("")
    table.add_column("eager", justify="right")
    table.add_column("adaptc", justify="right")
    table.add_column("speed-up", justify="right")
    eager_time, our_time = median(eager), median(ours)
    exits = ours[0].exits
    count = len(exits)
    rows = [(str(index), exits == index) for index in range(int(exits.max()) + 1)]
    for name, chosen in [*rows, ("all", np.ones(count, dtype=bool))]:
        theirs, mine = float(np.median(eager_time[chosen])), float(np.median(our_time[chosen]))
        share = int(chosen.sum())
        bar = "█" * round(30 * share / count) if name != "all" else ""
        table.add_row(name, str(share), bar, f"{theirs:.0f} µs", f"{mine:.0f} µs", f"{theirs / mine:.1f}x")
    return table


def main() -> int:
    torch.set_num_threads(1)
    compile_example()
    sys.path.insert(0, str(EXAMPLE))
    from model import model

    data = digits.load()
    eager, ours = [], []
    for _ in range(ROUNDS):
        ours.append(run_artifact(data.test_images))
        eager.append(run_eager(model, data.test_images))

    labels = data.test_labels
    same = int(((ours[0].logits.argmax(-1) == eager[0].logits.argmax(-1)) & (ours[0].exits == eager[0].exits)).sum())
    difference = np.abs(ours[0].logits - eager[0].logits).max(-1) / np.abs(eager[0].logits).max(-1)
    console = Console(highlight=False, width=80)
    console.print(f"\n{len(labels)} test images in a process without PyTorch, beside eager PyTorch:")
    for name, runs in (("eager", eager), ("adaptc", ours)):
        print(f"  accuracy  {name:8}{(runs[0].logits.argmax(-1) == labels).mean():.1%}")
    console.print(f"  same class and same exit  {same} of {len(labels)} images")
    console.print(f"  worst relative difference of the logits  {difference.max():.1e}\n")
    console.print(exit_table(eager, ours))
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, ORT {onnxruntime.__version__}"
    console.print(f"{ROUNDS} rounds in turns; {versions}; {platform.machine()}")
    return 0 if same == len(labels) else 1


if __name__ == "__main__":
    sys.exit(main())
