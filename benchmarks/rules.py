"""What each rule over tensor code gains with ONNX Runtime, on networks in which it applies: with and without, in turns.

    OMP_NUM_THREADS=1 python benchmarks/rules.py [--only select-before-add] [--repeats 301]

Prints the median time of a call of the network's unit, in µs, without and with the rule, their ratio, and how often the
rule changed the code. The rest of the default pipeline runs on both sides.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import nn

from adaptc.compiler.artifact import write_contents
from adaptc.compiler.driver import capture_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program
from adaptc.passes import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.runtime.engines.base import EngineOptions
from adaptc.runtime.engines.onnxruntime import OnnxRuntimeEngine


class SelfAttention(nn.Module):
    """PyTorch's own attention, whose projections are packed."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


class Gate(nn.Module):
    """A skip gate's decision."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.linear(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1)))


class Repeated(nn.Module):
    """Gives the same value twice, as a network that returns what it also passes on."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x.softmax(-1), x.softmax(-1)


class ReadFirst(nn.Module):
    """The last layer of a transformer of which the classifier reads the first token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.final, self.classifier = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + self.down(nn.functional.gelu(self.up(self.norm(x))))
        return self.classifier(self.final(y)[:, 0])


class Heads(nn.Module):
    """Small layers that all read what one layer gives: scores, offsets, confidences."""

    def __init__(self, width: int, outs: tuple[int, ...]) -> None:
        super().__init__()
        self.shared, self.heads = nn.Linear(width, width), nn.ModuleList(nn.Linear(width, out) for out in outs)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        y = self.shared(x).relu()
        return [head(y) for head in self.heads]


def linear_batch_norm(width: int) -> nn.Module:
    """Three layers with batch normalisation."""
    return nn.Sequential(*[nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.ReLU()) for _ in range(3)])


Network = tuple[str, Callable[[], nn.Module], tuple[int, ...]]

READ_FIRST: list[Network] = [
    ("64 wide, 16 tokens", lambda: ReadFirst(64), (1, 16, 64)),
    ("256 wide, 64 tokens", lambda: ReadFirst(256), (1, 64, 256)),
]
NETWORKS: dict[str, list[Network]] = {
    "linear-batch-norm": [
        ("64 features, 1 row", lambda: linear_batch_norm(64), (1, 64)),
        ("256 features, 32 rows", lambda: linear_batch_norm(256), (32, 256)),
    ],
    "packed-projection": [
        ("32 wide, 12 tokens", lambda: SelfAttention(32, 4), (1, 12, 32)),
        ("256 wide, 64 tokens", lambda: SelfAttention(256, 4), (1, 64, 256)),
    ],
    "flatten-pooled": [
        ("gate of 16 channels, 8x8", lambda: Gate(16), (1, 16, 8, 8)),
        ("gate of 64 channels, 32x32", lambda: Gate(64), (1, 64, 32, 32)),
    ],
    "whole-slice": READ_FIRST,
    "select-before-layer-norm": READ_FIRST,
    "select-before-add": READ_FIRST,
    "select-before-linear": READ_FIRST,
    "select-before-unary": READ_FIRST,
    "merge-projections": [
        ("3 heads, 64 rows of 128", lambda: Heads(128, (1, 1, 1)), (64, 128)),
        ("4 heads, 405 rows of 443", lambda: Heads(443, (3, 3, 3, 3)), (405, 443)),
    ],
    "merge-equal-values": [
        ("64 numbers", Repeated, (1, 64)),
        ("65536 numbers", Repeated, (1, 65536)),
    ],
}
"""For each rule networks in which it applies: a title, how to make one, and the shape of its input."""
ANY_BATCH = ("whole-slice",)
"""Rules for networks of which the first dimension varies."""


def main() -> None:
    """Measure and print one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, action="append", help="a rule; all by default")
    parser.add_argument("--repeats", type=int, default=301, help="turns; medians are printed")
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, one thread, medians of {options.repeats} turns")
    print(f"{'rule':26}{'network':28}{'changes':>9}{'without':>10}{'with':>10}{'ratio':>8}")
    torch.manual_seed(0)
    for name in options.only or NETWORKS:
        for title, make, shape in NETWORKS[name]:
            measure(name, title, make().eval(), shape, options.repeats)


def measure(name: str, title: str, model: nn.Module, shape: tuple[int, ...], repeats: int) -> None:
    """Print the row of one network; raises AssertionError where the rule changes its results by more than 1e-5."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean, module.running_var = torch.randn(module.num_features), torch.rand(module.num_features)
    example = torch.randn(shape)
    programs, counts = zip(*(optimised(model, example, name, wanted) for wanted in (False, True)))
    for left, right in zip(*(interpret(program, (example,)).outputs for program in programs), strict=True):
        torch.testing.assert_close(right, left, rtol=0, atol=1e-5 * float(left.abs().max()))
    array = example.numpy()
    with tempfile.TemporaryDirectory() as folder:
        units = [unit_of(program, Path(folder) / str(number)) for number, program in enumerate(programs)]
        times = in_turns([partial(unit, array) for unit in units], repeats)
    ratio = times[0] / times[1]
    print(f"{name:26}{title:28}{counts[1]:9}{times[0]:10.1f}{times[1]:10.1f}{ratio:8.2f}", flush=True)


def optimised(model: nn.Module, example: torch.Tensor, name: str, wanted: bool) -> tuple[Program, int]:
    """The program after the default pipeline, with or without the pass `name`, and how often that changed it."""
    program, _ = capture_program(
        model, (example,), name="net", dynamic={"x": {0: "batch"}} if name in ANY_BATCH else {}
    )
    passes = [each for each in default_pipeline() if wanted or each.name != name]
    reports = PassManager(passes).run(program)
    return program, sum(sum(report.counts.values()) for report in reports if report.name == name)


def unit_of(program: Program, folder: Path) -> Callable[[Any], Any]:
    """The call of the program's only unit."""
    folder.mkdir()
    (unit,) = write_contents(program, folder, {}, mode="blocks").units.units
    return OnnxRuntimeEngine(EngineOptions()).open(unit, folder / unit.file)


def in_turns(calls: list[Callable[[], Any]], repeats: int) -> list[float]:
    """The median time of each call in µs, measured in turns of at least 200 µs each."""
    count = 1
    while clock(calls[0], count) * count < 200 and count < 1000:
        count *= 2
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(repeats):
        for call, taken in zip(calls, times):
            taken.append(clock(call, count))
    return [statistics.median(taken) for taken in times]


def clock(call: Callable[[], Any], count: int) -> float:
    """The time of one of `count` calls in µs: that of this thread, so that others on the machine do not count."""
    started = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - started) / count * 1e6


if __name__ == "__main__":
    main()
