"""Codes made from modules by ``torch.export``, and their results in ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime
import torch
from torch import fx, nn

from adaptc.compiler.ir.program import Code, Dim, ScalarType, TensorType, Type

from ..preparation import decompositions


def code_of(
    module: nn.Module,
    inputs: Sequence[Any],
    dynamic: Sequence[dict[int, str]] | None = None,
    name: str = "code",
) -> tuple[Code, list[torch.Tensor]]:
    """The code of `module` and its weights. `dynamic` names the dimensions of each input that vary."""
    shapes = None
    if dynamic is not None:
        shapes = (tuple(dict.fromkeys(names, torch.export.Dim.DYNAMIC) for names in dynamic),)  # of *inputs
    with torch.no_grad(), torch.fx.experimental._config.patch(backed_size_oblivious=True):
        program = torch.export.export(module, tuple(inputs), dynamic_shapes=shapes, strict=False)
        program = decompositions().run(program)
    kinds = program.graph_signature.input_specs
    old = program.graph_module.graph
    placeholders = old.find_nodes(op="placeholder")
    user = [n for n, spec in zip(placeholders, kinds) if spec.kind.name == "USER_INPUT"]
    kept = [(n, spec) for n, spec in zip(placeholders, kinds) if spec.kind.name != "USER_INPUT"]
    tensors = {**program.state_dict, **program.constants}
    graph = fx.Graph()
    values: dict[fx.Node, fx.Node] = {}
    for node in [*user, *(n for n, _ in kept)]:
        values[node] = graph.node_copy(node)
    graph.output(graph.graph_copy(old, values))
    for node in graph.nodes:
        node.meta["loc"] = "model.py:7"
    names: dict[str, str] = {}
    for node, given in zip(user, dynamic or [{}] * len(user), strict=True):
        for dim, label in given.items():
            names[str(node.meta["val"].shape[dim])] = label

    def type_of(value: torch.Tensor) -> TensorType:
        dims: list[Dim] = [d if isinstance(d, int) else names.get(str(d), str(d)) for d in value.shape]
        return TensorType(value.dtype, tuple(dims))

    types: list[Type] = [
        type_of(n.meta["val"]) if isinstance(x, torch.Tensor) else ScalarType(type(x).__name__)  # type: ignore[arg-type]
        for n, x in zip(user, inputs, strict=True)
    ]
    results = graph.output_node().args[0]
    code = Code(
        name,
        fx.GraphModule(nn.Module(), graph),
        tuple(types),
        tuple(type_of(n.meta["val"]) for n, _ in kept),
        tuple(type_of(r.meta["val"]) for r in results),  # type: ignore[union-attr]
    )
    return code, [tensors[spec.target].detach() for _, spec in kept]


def bound(model: ir.Model, weights: Sequence[torch.Tensor]) -> bytes:
    """The model with `weights` as initializers inside it."""
    clone = model.clone()
    graph = clone.graph
    for value, tensor in zip(list(graph.inputs)[len(graph.inputs) - len(weights) :], weights, strict=True):
        graph.inputs.remove(value)
        raw = tensor.contiguous()
        if raw.dtype.is_complex:
            raw = torch.view_as_real(raw)
        array: Any = raw.view(torch.uint16).numpy() if raw.dtype is torch.bfloat16 else raw.numpy()
        value.const_value = ir.Tensor(array, dtype=value.dtype, name=value.name)
        graph.initializers[value.name or ""] = value
    return ir.serde.serialize_model(clone).SerializeToString()


def session_of(model: bytes, optimized: str = "") -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimized:
        options.optimized_model_filepath = optimized
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, inputs: Sequence[Any]) -> list[np.ndarray]:
    feed = {}
    for value, declared in zip(inputs, session.get_inputs(), strict=True):
        if isinstance(value, torch.Tensor):
            value = (value.float() if value.dtype is torch.bfloat16 else value).detach().numpy()
        feed[declared.name] = np.asarray(value)
    return list(session.run(None, feed))
