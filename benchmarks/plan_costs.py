"""The constants of the plan's analytical cost (compiler/plan/cost.py) on this machine, measured in turns.

    OMP_NUM_THREADS=1 python benchmarks/plan_costs.py [--seconds 30]

Each is what one layer of a chain takes longer than that of another: of units that the host calls than of one graph
(call), of a graph with an `If` around each operator (branch) or a `Loop` of it (iteration), with a second operator in
each layer (operator). A unit of many operators side by side tells what each array takes that goes in or comes out
(value). An arm that hands on what it got tells what a copy takes. Bytes and flops are those of an operator on 4 MiB and
of a product of matrices.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper

from adaptc.compiler.plan.cost import AnalyticalCost
from adaptc.compiler.plan.turns import Visit, take_turns
from adaptc.costmodel.data.control_flow import LAYERS, Layer, branching, looping, running, straight, write_graph
from adaptc.runtime import load

sys.path.insert(0, str(Path(__file__).parent))

from host_overhead import WIDTH, open_session, write_chain

UNIT_VALUES = 3
"""Arrays that a unit of `host_overhead.write_chain` takes and gives."""
LARGE = 1 << 20
"""As many float32 are 4 MiB."""
SIDE = 256


def main() -> None:
    """Build, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0, help="how long all chains are timed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        turns, times = measure(Path(folder), options.seconds)
    took = {name: value / LAYERS for name, value in times.items()}
    branch = took["branches"] - took["straight"]
    operator = took["two operators"] - took["straight"]
    value = (took["side by side"] - times["one"] / LAYERS) * LAYERS / (LAYERS - 1) / 2 - operator / 2
    found = {
        "call": took["units"] - took["unit's operators"] - UNIT_VALUES * value,
        "value": value,
        "branch": branch,
        "iteration": took["loop"] - took["straight"],
        "operator": operator,
        "flops": 2 * SIDE**3 / took["products"],
        "bytes": 2 * 4 * LARGE / took["large"],
    }
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, fastest tenth of {turns} turns")
    now = AnalyticalCost()
    for name, value in found.items():
        print(f"{name:22}{value:10.2f}{'':4}now {getattr(now, name):10.2f}")
    for name, size in (("handing on", 4 * WIDTH), ("handing on much", 4 * LARGE)):
        print(f"{f'copy of {size} bytes':22}{took[name] - branch:10.2f}{'':4}now {now.copy(size):10.2f}")


def measure(folder: Path, seconds: float) -> tuple[int, dict[str, float]]:
    """How many turns were taken, and by chain the µs of the tenth of them that was disturbed least."""
    write_chain(folder, LAYERS)
    x, large, square = (np.full(shape, 0.5, np.float32) for shape in ((1, WIDTH), (1, LARGE), (SIDE, SIDE)))

    def graph(name: str, layer: Layer, value: Any, count: int = LAYERS) -> Callable[[], Any]:
        write_graph(folder / f"{name}.onnx", layer, value.shape, count)
        return running(folder / f"{name}.onnx", {"layer_-1": value, "open": np.array(True)})

    with load(folder) as executable:
        calls = {
            "straight": graph("straight", straight("Neg"), x),
            "two operators": graph("two", straight("Neg", "Neg"), x),
            "branches": graph("branches", branching("Neg"), x),
            "handing on": graph("handing", branching("Identity"), x),
            "loop": graph("loop", looping, x, 1),
            "one": side_by_side(folder, 1),
            "side by side": side_by_side(folder, LAYERS),
            "unit's operators": graph("operators", unit_layer, x),
            "units": lambda: executable(x),
        }
        turns, found = in_turns(calls, seconds / 2)
    slow = {
        "handing on much": graph("much", branching("Identity"), large),
        "large": graph("large", straight("Neg"), large),
        "products": graph("products", squaring, square),
    }
    return turns, found | in_turns(slow, seconds / 2)[1]


def in_turns(calls: Mapping[str, Callable[[], Any]], seconds: float) -> tuple[int, dict[str, float]]:
    """Take turns for `seconds`; gives their number, and a tenth's µs by name."""
    times = take_turns([visit(call) for call in calls.values()], [1.0], seconds, time.perf_counter_ns, seconds)
    return times.turns, {name: statistics.quantiles(times.samples[i][0], n=10)[0] for i, name in enumerate(calls)}


def squaring(number: int, given: str) -> list[onnx.NodeProto]:
    """A product of two matrices."""
    return [helper.make_node("MatMul", ["layer_-1", given], [f"layer_{number}"])]


def unit_layer(number: int, given: str) -> list[onnx.NodeProto]:
    """The operators of a unit of `host_overhead.write_chain`."""
    out = f"layer_{number}"
    return [
        helper.make_node("Relu", [given], [out]),
        helper.make_node("ReduceMin", [out], [f"least_{number}"], keepdims=0),
        helper.make_node("Cast", [f"least_{number}"], [f"gate_{number}"], to=TensorProto.BOOL),
    ]


def side_by_side(folder: Path, count: int) -> Callable[[], Any]:
    """A call of a graph of `count` operators, each with an input and an output of its own."""
    nodes = [helper.make_node("Neg", [f"in_{i}"], [f"out_{i}"]) for i in range(count)]
    given, taken = (
        [helper.make_tensor_value_info(f"{way}_{i}", TensorProto.FLOAT, [1, WIDTH]) for i in range(count)]
        for way in ("in", "out")
    )
    save(folder / f"side_{count}.onnx", helper.make_graph(nodes, "side", given, taken))
    run = open_session(folder / f"side_{count}.onnx")._sess.run  # what the runtime calls (`engines.onnxruntime`)
    feed = {value.name: np.full((1, WIDTH), 0.5, np.float32) for value in given}
    names = [value.name for value in taken]
    return lambda: run(names, feed, None)


def save(file: Path, graph: onnx.GraphProto) -> None:
    """Write a model of this graph."""
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)


def visit(call: Callable[[], Any]) -> Visit:
    """How turns visit a chain; the first call of a visit is not timed."""

    def timed(path: int, turn: int, calls: int) -> list[float]:
        call()
        times = []
        for _ in range(calls):
            begin = time.perf_counter_ns()
            call()
            times.append((time.perf_counter_ns() - begin) / 1000)
        return times

    return timed


if __name__ == "__main__":
    main()
