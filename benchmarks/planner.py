"""How far plans are behind the best of their own candidates: all graphs, all blocks, and what was chosen.

    OMP_NUM_THREADS=1 python benchmarks/planner.py [--networks early_exit_cnn,captioner] [--seconds 20]

Compiles networks of the suite with `plan` "graphs", "auto" (the expected cost decides) and "measure", times all of
them in turns on the suite's inputs, and prints the expected latency of each in µs and how far behind the fastest each
choice is. A plan is measured on every second of these inputs (as `samples`), or with --own-inputs on the example inputs
and random ones alone, as a compile of the model file measures it. Ways that run the same are timed once.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime  # type: ignore[import-untyped]
import torch

import adaptc
from adaptc.compiler.plan.turns import Times, Visit, take_turns
from adaptc.runtime import Executable

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "examples")]

from contest.cases import Case, make_case  # noqa: E402
from contest.networks import networks  # noqa: E402

SMALL = (
    "early_exit_cnn,skip_gate_cnn,blockdrop,exception_exit,patience_transformer,pointer_network,captioner,"
    "bert_early_exit"
)
BLOCKS = frozenset[str]()


def main() -> None:
    """Compile, time in turns, print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default=SMALL, help="of benchmarks/contest/networks.py")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each network is timed")
    parser.add_argument("--own-inputs", action="store_true", help="measure plans on example and random inputs alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, load {os.getloadavg()[0]:.1f}")
    print(row("network", "regions", "graphs", "blocks", "noise", "by cost", "behind", "measured", "behind"))
    for name in options.networks.split(","):
        with tempfile.TemporaryDirectory(prefix="adaptc-planner-") as folder:
            print(compare(name, Path(folder), options.seconds, options.own_inputs), flush=True)


def compare(name: str, folder: Path, seconds: float, own_inputs: bool) -> str:
    """The row of a network."""
    network = networks()[name]
    case = make_case(name, network)
    samples = () if own_inputs else tuple(network.calls(network.count))[::2]
    chosen = {plan: compiled(case, folder / plan, plan, samples) for plan in ("graphs", "auto", "measure")}
    ways = {BLOCKS: adaptc.load(folder / "graphs", by_block=True)}
    for plan, graphs in chosen.items():
        ways.setdefault(graphs, adaptc.load(folder / plan))
    times = in_turns(list(ways.values()), case, seconds)
    expected = {graphs: times.expected(place) for place, graphs in enumerate(ways)}
    best = min(expected.values())
    noise = max((times.difference(0, other).noise for other in range(1, len(ways))), default=0.0)
    cells = [name, f"{len(chosen['graphs'])}", f"{expected[chosen['graphs']]:.1f}", f"{expected[BLOCKS]:.1f}"]
    cells.append(f"{noise / best:.1%}")
    for plan in ("auto", "measure"):
        graphs = chosen[plan]
        kind = "blocks" if not graphs else "graphs" if graphs == chosen["graphs"] else f"{len(graphs)} graphs"
        cells += [kind, f"{expected[graphs] / best - 1:.1%}"]
    return row(*cells)


def compiled(case: Case, target: Path, plan: Any, samples: Sequence[Any]) -> frozenset[str]:
    """Compile to `target`; gives the entries of the regions that are graphs."""
    report = adaptc.compile(
        case.model,
        case.example,
        target,
        dynamic=case.dynamic,
        samples=samples,
        plan=plan,
        verify=False,
        random_seed=case.random_seed,
    )
    regions = (region for part in report.plan for region in part["regions"])
    return frozenset(region["entry"] for region in regions if region["choice"] == "graph")


def in_turns(executables: Sequence[Executable], case: Case, seconds: float) -> Times:
    """All of them timed on the ways of `case`, for `seconds`."""
    total = sum(way.inputs for way in case.ways)
    weights = [way.inputs / total for way in case.ways]
    return take_turns([visit(each, case) for each in executables], weights, seconds, time.perf_counter_ns, seconds)


def visit(executable: Executable, case: Case) -> Visit:
    """How turns visit an executable; a call before those that are timed is not."""

    def timed(path: int, turn: int, calls: int) -> list[float]:
        given = case.ways[path].given
        executable(*given.array_args, **given.array_kwargs)
        times = []
        for _ in range(calls):
            begin = time.perf_counter_ns()
            executable(*given.array_args, **given.array_kwargs)
            times.append((time.perf_counter_ns() - begin) / 1000)
        return times

    return timed


def row(name: str, *cells: str) -> str:
    """A line of the table."""
    return f"{name:22}" + "".join(f"{cell:>10}" for cell in cells)


if __name__ == "__main__":
    main()
