"""What the host adds to the engine: a chain of tiny units with a gate after each, measured in turns with the engine.

    python benchmarks/host_overhead.py [--units 40] [--repeats 31]

Prints the time of a call of the executable and of the same units called on the engine alone, in µs per unit, the
difference, and the time of checking the input. Needs onnx to build the units.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from adaptc.runtime import load
from adaptc.runtime.artifact import file_table, write_host, write_manifest
from adaptc.runtime.hostprogram import (
    Branch,
    Call,
    Edge,
    HostBlock,
    HostProgram,
    Read,
    Ref,
    Return,
    ValueSpec,
)
from adaptc.runtime.manifest import SCHEMA, Argument, Manifest, Signature, TensorSpec, Unit
from adaptc.runtime.tree import Leaf

WIDTH = 16
FEATURES = TensorSpec("x", "float32", (1, WIDTH))


def main() -> None:
    """Build, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=40, help="gated layers, each one unit")
    parser.add_argument("--repeats", type=int, default=31, help="turns; medians are printed")
    parser.add_argument("--calls", type=int, default=50, help="calls in a turn")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_chain(Path(folder), options.units)
        measure(Path(folder), options.units, options.repeats, options.calls)


def measure(folder: Path, units: int, repeats: int, calls: int) -> None:
    """Time both in turns and print medians."""
    x = np.full((1, WIDTH), 0.5, np.float32)
    with load(folder) as executable:
        sessions = [open_session(folder / "units" / f"layer{i}.onnx") for i in range(units)]

        def ours() -> None:
            executable(x)

        def engine() -> None:
            h = x
            for session in sessions:
                h, _ = session.run(["h", "gate"], {"x": h}, None)

        def engine_method() -> None:
            h = x
            for session in sessions:
                h, _ = session._sess.run(["h", "gate"], {"x": h}, None)

        def checking() -> None:
            executable._bind((x,), {})

        assert len(executable.trace(x).units) == units
        found = in_turns([ours, engine, engine_method, checking], repeats, calls)
    our_time, public_time, method_time, check_time = found
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, ", end="")
    print(f"onnxruntime {onnxruntime.__version__}, {units} units, median of {repeats} turns of {calls} calls")
    print(f"executable                      {our_time / units:7.2f} µs per unit")
    print(f"InferenceSession.run            {public_time / units:7.2f} µs per unit", end="")
    print(f"   the host adds {(our_time - public_time) / units:6.2f} µs")
    print(f"the method that it calls        {method_time / units:7.2f} µs per unit", end="")
    print(f"   the host adds {(our_time - method_time) / units:6.2f} µs")
    print(f"checking the input              {check_time:7.2f} µs per call")


def in_turns(functions: list[Callable[[], None]], repeats: int, calls: int) -> list[float]:
    """The median time of one call of each, in µs; every turn runs all of them."""
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeats):
        for function, found in zip(functions, times):
            begin = time.perf_counter_ns()
            for _ in range(calls):
                function()
            found.append((time.perf_counter_ns() - begin) / calls / 1000)
    return [statistics.median(found) for found in times]


def open_session(path: Path) -> Any:
    """A session with the options of the runtime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def write_chain(folder: Path, count: int) -> None:
    """The artifact: layer i gives features and a gate, whose other side leaves early."""
    (folder / "units").mkdir()
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("ReduceMin", ["h"], ["least"], keepdims=0),
        helper.make_node("Cast", ["least"], ["gate"], to=TensorProto.BOOL),
    ]
    values = [
        helper.make_tensor_value_info(name, kind, shape)
        for name, kind, shape in (
            ("x", TensorProto.FLOAT, [1, WIDTH]),
            ("h", TensorProto.FLOAT, [1, WIDTH]),
            ("gate", TensorProto.BOOL, []),
        )
    ]
    graph = helper.make_graph(nodes, "layer", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    outputs = (TensorSpec("h", "float32", (1, WIDTH)), TensorSpec("gate", "bool", ()))
    units = []
    for i in range(count):
        file = f"units/layer{i}.onnx"
        (folder / file).write_bytes(model.SerializeToString())
        units.append(Unit(f"layer{i}", "onnxruntime", file, (FEATURES,), outputs))
    blocks = [
        HostBlock(
            f"block{i}",
            ("x",),
            (Call(f"layer{i}", (Ref("x"),), ("h", "gate")), Read(f"open{i}", "gate", "bool", "")),
            Branch(Ref(f"open{i}"), Edge(f"block{i + 1}", (Ref("h"),)), Edge(f"block{count}", (Ref("h"),))),
        )
        for i in range(count)
    ]
    done = Return((Ref("x"),), (ValueSpec("float32", (1, WIDTH)),), Leaf(0))
    blocks.append(HostBlock(f"block{count}", ("x",), (), done))
    write_host(folder, HostProgram("block0", tuple(blocks)))
    (folder / "report.json").write_text("{}")
    signature = Signature((Argument("x", "positional", Leaf(0)),), (FEATURES,))
    table = file_table(folder)
    write_manifest(folder, Manifest(SCHEMA, "chain", "onnxruntime", signature, tuple(units), (), (), table, {}))


if __name__ == "__main__":
    main()
