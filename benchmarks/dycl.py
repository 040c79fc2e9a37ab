"""Compile the nine networks that DyCL (Chen et al., ISSTA 2023) compiled, at the sizes of its repository.

    python benchmarks/dycl.py [--only skipnet_38.feedforward_38] [--repeats 15]

For each network: parameters, branches, verified paths, the seconds of the compile's stages, the worst difference from
PyTorch of any path, and the median time of a call beside eager PyTorch, in turns over inputs that take different
paths, with one thread. `--paths` lists the difference of each path. DyCL's repository holds no compile times, and
its paper's could not be read here, so that column is to be filled in from the paper.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import onnxruntime
import torch

import adaptc

ROOT = Path(__file__).parents[1]
NETWORKS = {
    "shallow_deep.mobilenet": ("ShallowDeep MobileNet", 256),
    "shallow_deep.vgg16": ("ShallowDeep VGG-16", 256),
    "shallow_deep.resnet56": ("ShallowDeep ResNet-56", 256),
    "shallow_deep.wide_resnet32": ("ShallowDeep WRN-32-4", 256),
    "skipnet_38.recurrent_38": ("SkipNet-38, recurrent", 32),
    "skipnet_38.feedforward_38": ("SkipNet-38, feed-forward", 32),
    "attention_captioner.resnext50": ("Captioner ResNeXt-50", 256),
    "attention_captioner.resnet101": ("Captioner ResNet-101", 256),
    "blockdrop_110.blockdrop": ("BlockDrop ResNet-110", 32),
}
"""Module and function of an example, its name in the table, and the side of its images."""
DYCL_SECONDS: dict[str, float] = {}
"""Compile times that DyCL's authors published, by example; none is known."""
INPUTS = 8


def main() -> None:
    """Compile, measure and print one network after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS, action="append", help="an example; all by default")
    parser.add_argument("--repeats", type=int, default=5, help="turns; medians are printed")
    parser.add_argument("--paths", action="store_true", help="list the difference of each path")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sys.path.insert(0, str(ROOT / "examples"))
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, one thread, {options.repeats} turns over {INPUTS} inputs")
    print(f"{'':26}{'param.':>8}{'branches':>9}{'paths':>6}{'capture':>9}{'units':>7}{'verify':>8}", end="")
    print(f"{'total':>8}{'DyCL':>7}{'worst':>9}{'eager ms':>10}{'ours ms':>9}{'x':>6}")
    for name in options.only or NETWORKS:
        measure(name, options.repeats, options.paths)


def measure(name: str, repeats: int, list_paths: bool) -> None:
    """One row of the table, and its paths where `list_paths`."""
    title, size = NETWORKS[name]
    module, function = name.split(".")
    network = getattr(import_module(module), function)()
    images = import_module("calibration").images(INPUTS, size)
    with tempfile.TemporaryDirectory() as folder:
        report = adaptc.compile(network, (images[-1],), Path(folder) / "artifact")
        with adaptc.load(Path(folder) / "artifact") as executable, torch.inference_mode():
            eager, ours = in_turns([network, executable], [images, [image.numpy() for image in images]], repeats)
    seconds = {stage.name: stage.seconds for stage in report.stages}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    print(f"{title:26}{parameters / 1e6:7.2f}M{len(report.branches):9}{len(report.paths):6}", end="")
    print(f"{seconds['capture']:9.1f}{seconds['units']:7.1f}{seconds['verify']:8.1f}{report.seconds:8.1f}", end="")
    print(f"{DYCL_SECONDS.get(name, '-'):>7}{report.verification['max_relative_error']:9.1e}", end="")
    print(f"{eager:10.2f}{ours:9.2f}{eager / ours:6.2f}", flush=True)
    for path in report.paths if list_paths else []:
        ways = "".join("T" if way["taken"] is True else str(way["taken"])[0] for way in path["decisions"])
        print(f"    {path['name']:10}{path['max_relative_error']:9.1e}  {ways}")


def in_turns(functions: list[Callable[[Any], object]], inputs: list[list[Any]], repeats: int) -> list[float]:
    """The median time of one call of each in ms, over all inputs; every turn runs all of them."""
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for index in range(len(inputs[0])):
            for function, given, found in zip(functions, inputs, times):
                begin = time.perf_counter_ns()
                function(given[index])
                if turn > 0:  # the first warms up
                    found.append((time.perf_counter_ns() - begin) / 1e6)
    return [statistics.median(found) for found in times]


if __name__ == "__main__":
    main()
