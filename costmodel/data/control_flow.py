"""Measures what control costs: calls by the host; in a graph an `If`, an iteration of a `Loop`, a copy in an arm."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adaptc.costmodel.model import ControlCosts

LAYERS = 40
"""The layers of each chain that is timed."""

WIDTH = 16
MANY = 8
"""The arrays that a unit takes, and gives, of which it is measured what each costs."""

LARGE = 1 << 18
"""As many float32 are 1 MiB."""

Layer = Callable[[int, str], list[Any]]
"""From a layer's number and the name of what it takes to its nodes; the last gives ``layer_NUMBER``."""


def measure_control_costs(folder: Path, seconds: float = 5.0) -> ControlCosts:
    """What control costs on this machine, each the difference between two chains of layers that are timed in turns;
    the fastest tenth of the turns counts. `folder` takes passing files."""
    small = np.full((1, WIDTH), 0.5, np.float32)
    large = np.full((1, LARGE), 0.5, np.float32)
    calls = {
        "straight": _chain(folder, "straight", straight("Neg"), small),
        "branches": _chain(folder, "branches", branching("Neg"), small),
        "loop": _chain(folder, "loop", looping, small, 1),
        "handing on": _chain(folder, "handing", branching("Identity"), small),
        "handing on much": _chain(folder, "much", branching("Identity"), large, 8),
        "units": units(folder, 1, small),
        "wide units": units(folder, MANY, small),
    }
    samples: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(samples["straight"]) < 20:
        for name, call in calls.items():
            call()
            begin = time.perf_counter_ns()
            call()
            samples[name].append((time.perf_counter_ns() - begin) / 1000)
    took = {name: statistics.quantiles(times, n=10)[0] for name, times in samples.items()}
    operator = took["straight"] / LAYERS
    handing = took["handing on"] / LAYERS
    byte = max(0.0, took["handing on much"] / 8 - handing) / (4 * LARGE)
    unit, wide = took["units"] / LAYERS, took["wide units"] / LAYERS
    value = max(0.0, wide - unit - (MANY - 1) * operator) / (2 * (MANY - 1))
    return ControlCosts(
        branch=max(0.0, took["branches"] / LAYERS - operator),
        iteration=max(0.0, took["loop"] / LAYERS - operator),
        byte=byte,
        call=max(0.0, unit - operator - 2 * value),
        value=value,
    )


def units(folder: Path, width: int, value: Any) -> Callable[[], None]:
    """Calls of `LAYERS` sessions one after the other, as the host makes them, each of which has `width` operators side
    by side on arrays like `value`: none is as ready as one that is called again and again."""
    import onnx
    from onnx import TensorProto, helper

    given, made = [f"x{place}" for place in range(width)], [f"y{place}" for place in range(width)]
    graph = helper.make_graph(
        [helper.make_node("Neg", [a], [b]) for a, b in zip(given, made)],
        "unit",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name in given],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape) for name in made],
    )
    file = folder / f"unit_{width}.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    sessions = [_session(file) for _ in range(LAYERS)]
    runs = [getattr(session, "_sess", session).run for session in sessions]

    def call() -> None:
        arrays = [value] * width
        for run in runs:
            arrays = run(made, dict(zip(given, arrays)), None)

    return call


def straight(*operators: str) -> Layer:
    """A layer of these operators, one after the other."""
    from onnx import helper

    def layer(number: int, given: str) -> list[Any]:
        names = [given, *(f"layer_{number}.{place}" for place in range(1, len(operators))), f"layer_{number}"]
        return [helper.make_node(kind, [a], [b]) for kind, a, b in zip(operators, names, names[1:])]

    return layer


def branching(operator: str) -> Layer:
    """A layer whose arm, which is taken, has one operator."""
    from onnx import TensorProto, helper

    def layer(number: int, given: str) -> list[Any]:
        arms = {}
        for key, kind in (("then_branch", operator), ("else_branch", "Abs")):
            out = f"{key}_{number}"
            value = helper.make_tensor_value_info(out, TensorProto.FLOAT, None)
            arms[key] = helper.make_graph([helper.make_node(kind, [given], [out])], out, [], [value])
        return [helper.make_node("If", ["open"], [f"layer_{number}"], **arms)]

    return layer


def looping(number: int, given: str) -> list[Any]:
    """A `Loop` of one operator, of as many iterations as chains have layers."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Neg", ["h"], ["next"]), helper.make_node("Identity", ["go"], ["on"])]
    step = helper.make_tensor_value_info("step", TensorProto.INT64, [])
    go, on = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "on"))
    h, after = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("h", "next"))
    body = helper.make_graph(nodes, "body", [step, go, h], [on, after])
    most = helper.make_node("Constant", [], ["most"], value_int=LAYERS)
    return [most, helper.make_node("Loop", ["most", "open", given], [f"layer_{number}"], body=body)]


def write_graph(file: Path, layer: Layer, shape: Sequence[int], count: int) -> None:
    """A chain of `count` layers on a float32 tensor of this shape."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [node for number in range(count) for node in layer(number, f"layer_{number - 1}")]
    inputs = [
        helper.make_tensor_value_info("layer_-1", TensorProto.FLOAT, shape),
        helper.make_tensor_value_info("open", TensorProto.BOOL, []),
    ]
    gates = [name for node in nodes for name in node.output if name.startswith("gate_")]
    outputs = [helper.make_tensor_value_info(f"layer_{count - 1}", TensorProto.FLOAT, None)]
    outputs += [helper.make_tensor_value_info(name, TensorProto.BOOL, None) for name in gates]
    graph = helper.make_graph(nodes, "chain", inputs, outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)


def running(file: Path, feed: Mapping[str, Any]) -> Callable[[], Any]:
    """A call of a graph that takes its last layer."""
    session = _session(file)
    given = {value.name: feed[value.name] for value in session.get_inputs()}
    outputs = [session.get_outputs()[0].name]
    return lambda: session.run(outputs, given)


def _session(file: Path) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _chain(folder: Path, name: str, layer: Layer, value: Any, count: int = LAYERS) -> Callable[[], Any]:
    write_graph(folder / f"{name}.onnx", layer, value.shape, count)
    return running(folder / f"{name}.onnx", {"layer_-1": value, "open": np.array(True)})
