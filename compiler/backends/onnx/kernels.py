"""Whether the engine can run a unit: the model is valid ONNX, and ONNX Runtime has a kernel for each node."""

from __future__ import annotations

import re
from pathlib import Path

import onnx
import onnx_ir as ir
import onnxruntime  # type: ignore[import-untyped]

from adaptc.compiler.backends.onnx.lower import LOC
from adaptc.compiler.backends.onnx.problems import position
from adaptc.compiler.errors import Problem
from adaptc.compiler.ir.program import Block

_MISSING = re.compile(r"Could not find an implementation for (\w+)\(\d+\) node with name '([^']*)'")


def invalid(file: Path, block: Block) -> list[Problem]:
    """Why the unit `file` is not valid ONNX; empty where it is. Takes 0.2 to 0.4 ms."""
    try:
        onnx.checker.check_model(str(file), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return [_refused(block, str(error))]
    return []


def without_kernels(file: Path, model: ir.Model, block: Block) -> list[Problem]:
    """The nodes of the unit `file`, which holds `model`, for which ONNX Runtime has no kernel. Takes 2 to 8 ms."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 (it raises many kinds; all of them become a problem)
        missing = _MISSING.search(str(error))
        if missing is None:
            return [_refused(block, str(error))]
        nodes = [node for node in model.graph.all_nodes() if node.name == missing[2]]
        return [_without_kernel(node) for node in _alike(model, nodes[0])] if nodes else [_refused(block, str(error))]
    return []


def _alike(model: ir.Model, node: ir.Node) -> list[ir.Node]:
    """The nodes of the same operator and element types as `node`."""
    return [
        other
        for other in model.graph.all_nodes()
        if other.op_type == node.op_type and _element_types(other) == _element_types(node)
    ]


def _element_types(node: ir.Node) -> list[str]:
    return [value.dtype.name.lower() for value in node.inputs if value is not None and value.dtype is not None]


def _without_kernel(node: ir.Node) -> Problem:
    file, line = position(node.metadata_props.get(LOC, ""))
    types = ", ".join(dict.fromkeys(_element_types(node)))
    return Problem(
        file,
        line,
        f"ONNX Runtime has no CPU kernel for {node.op_type} on {types}",
        "the unit could not be loaded",
        "compute this in float32",
    )


def _refused(block: Block, message: str) -> Problem:
    file, line = position(block.loc)
    return Problem(
        file,
        line,
        f"the unit of block '{block.name}' is refused",
        " ".join(message.split()),
        "this is a fault of adaptc: report it with the code at this line",
    )
