"""What a prediction of the cost model takes on this machine: reading MLIR, telling kernels, adding up their work.

    OMP_NUM_THREADS=1 python benchmarks/predictions.py [MODEL.mlir ...]

Without files, the programs of three examples. Printed are the least and the largest time of a block in each step.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.model_file import load_model_file
from adaptc.costmodel.features import features_of
from adaptc.costmodel.mlir import Block, read_functions
from adaptc.costmodel.model import CostModel
from adaptc.costmodel.shipped import choose

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = ("early_exit_cnn/model.py", "skip_gate_cnn/model.py", "bert_early_exit.py")


def main() -> None:
    """Read, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="programs as MLIR text")
    files: list[Path] = parser.parse_args().files
    texts = [file.read_text() for file in files] or [program(EXAMPLES / name) for name in FILES]
    model = choose().model
    took: dict[str, list[float]] = {}
    for text in texts:
        for name, times in steps(text, model).items():
            took.setdefault(name, []).extend(times)
    for name, times in took.items():
        print(f"{name:24}{min(times):10.1f} to {max(times):.1f} µs")


def steps(text: str, model: CostModel) -> dict[str, list[float]]:
    """The µs of each step, for each block of a program with tensor code."""
    (function,) = read_functions(text)
    took = {"reading, a block": [timed(lambda: read_functions(text)) / len(function.blocks)]}
    for block in function.blocks:
        if features_of(block, model.channels).kernels:
            for name, time_of_step in steps_of_block(block, model).items():
                took.setdefault(name, []).append(time_of_step)
    return took


def steps_of_block(block: Block, model: CostModel) -> dict[str, float]:
    """The µs of what follows reading."""
    features = features_of(block, model.channels)
    amounts, base = features.with_call, model.predictor.base
    return {
        "telling kernels": timed(lambda: features_of(block, model.channels)),
        "the sum of their work": timed(lambda: base.time(amounts)),
        "a prediction": timed(lambda: model.predict(dataclasses.replace(features))),
        "one that is known": timed(lambda: model.predict(features)),
    }


def program(file: Path) -> str:
    """The program of a model file as MLIR text, as a compile has it."""
    found = load_model_file(file)
    program, _ = capture_program(found.model, found.example_inputs, name="net", dynamic=found.dynamic)
    optimise(program)
    return to_mlir(program, locations=False)


def timed(call: Callable[[], object]) -> float:
    """The µs of the fastest of some calls."""
    best, end = float("inf"), time.perf_counter() + 0.05
    while time.perf_counter() < end:
        begin = time.perf_counter_ns()
        call()
        best = min(best, (time.perf_counter_ns() - begin) / 1000)
    return best


if __name__ == "__main__":
    main()
