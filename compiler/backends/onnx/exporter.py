"""The parts of torch's ONNX exporter that adaptc uses: its operator table and its node-by-node translation.

``torch.onnx.export`` rebuilds the table on every call (0.4 to 0.7 s); here it is built once. The names used
are private to torch: they were read from torch 2.13.0, ``torch/onnx/_internal/exporter`` (``_core.py``,
``_fx_passes.py``, ``_decomp.py``, ``_registration.py``). A change of torch is met here alone.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import onnx_ir as ir
from onnxscript.values import Opset
from torch import fx
from torch.onnx._internal.exporter import _core, _decomp, _dispatching, _ir_passes, _registration, _tensors
from torch.onnx._internal.fx.passes import type_promotion

from adaptc.compiler.backends.onnx import translations

OPSET = 23
"""The ONNX operator set of the units: the first with Attention and RMSNormalization."""

IR_VERSION = 11
"""The version of the ONNX file format that goes with the operator set."""


@dataclass(frozen=True)
class Operators:
    """The operators that can be translated, and how others are decomposed into them."""

    registry: _registration.ONNXRegistry
    decompositions: Mapping[Any, Callable[..., Any]]

    def translates(self, node: fx.Node) -> bool:
        """Whether the call has a translation of its own."""
        return _dispatching.dispatch(node, self.registry)[0] is not None


@functools.cache
def operators() -> Operators:
    """The table of operators: torch's own for the operator set, with adaptc's translations before them."""
    with quiet():
        registry = _registration.ONNXRegistry.from_torchlib(OPSET)
    for target, function in translations.table().items():
        registry._register(
            target,
            _registration.OnnxDecompMeta(
                function, target, signature=None, is_custom=True, skip_signature_inference=True
            ),
        )
    table = _decomp.create_onnx_friendly_decomposition_table(set(_decomp.get_onnx_implemented_overloads(registry)))
    # An operator that writes its argument is made functional first (`normalize`), never decomposed as it is.
    return Operators(registry, {op: rule for op, rule in table.items() if not _writes(op)})


def _writes(target: Any) -> bool:
    return bool(target._schema.is_mutable)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's log below errors: it warns of packages that adaptc does not need."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def promote_types(module: fx.GraphModule) -> None:
    """Make the implicit type promotions of `module`'s operators explicit, in place."""
    insertion = type_promotion.InsertTypePromotion(module)
    insertion.interpreter = _Promotion(module, type_promotion.TypePromotionTable())
    insertion.run()


class _Promotion(type_promotion._TypePromotionInterpreter):
    """The exporter's pass, which runs every node again to know its type, made to run promoted nodes alone."""

    def run_node(self, n: fx.Node) -> Any:
        if n.op == "output" or "val" not in n.meta:
            return super().run_node(n)
        rule = type_promotion.get_type_promotion_rule(n, self.type_promotion_table)
        if rule is not None:
            with self._set_current_node(n):
                self._maybe_promote_node(n, rule)
        return n.meta["val"]


class Translator:
    """Translates the calls of one fx graph, in order, into the graph of `model`."""

    def __init__(self, name: str) -> None:
        self.model = ir.Model(ir.Graph([], [], nodes=[], name=name), ir_version=IR_VERSION, producer_name="adaptc")
        self._values: dict[str, ir.Value | Sequence[ir.Value]] = {}
        self._constants: dict[Any, ir.Value] = {}
        self._operators = operators()
        self._opset = Opset("", OPSET)

    def placeholder(self, node: fx.Node) -> ir.Value:
        """Add an input."""
        _core._handle_placeholder_node(
            node, self._values, graph_like=self.model.graph, lower="at_conversion", opset=self._opset
        )
        return self.model.graph.inputs[-1]

    def call(self, node: fx.Node) -> None:
        """Add the ONNX nodes for a call. Raises what the translation of the operator raises."""
        _core._handle_call_function_node_with_lowering(
            self.model,
            node,
            self._values,
            graph_like=self.model.graph,
            constant_farm=self._constants,
            registry=self._operators.registry,
            opset=self._opset,
            node_name_to_local_functions={},
        )

    def stand_in(self, node: fx.Node) -> None:
        """Give a call that failed values of the right types, so that the calls after it can be tried."""
        result = node.meta["val"]
        results = result if isinstance(result, (tuple, list)) else [result]
        values = [_tensors.SymbolicTensor(self._opset, name=f"{node.name}__{i}") for i in range(len(results))]
        _core._set_shape_types(values, results)
        self._values[node.name] = values if isinstance(result, (tuple, list)) else values[0]

    def value(self, node: fx.Node) -> ir.Value:
        """What `node` became: one value."""
        value = self._values[node.name]
        if not isinstance(value, ir.Value):
            raise TypeError(f"node {node.name} has {len(value)} results where one is expected")
        return value

    def finish(self, key: str, dimensions: Mapping[str, str]) -> ir.Model:
        """The model, with the user's line of each node under `key` and symbols named as `dimensions` says."""
        graph = self.model.graph
        for value in (*graph.inputs, *(output for node in graph for output in node.outputs)):
            value.metadata_props.clear()
        for node in graph:
            loc = node.meta["node"].meta.get("loc", "")
            node.metadata_props.clear()
            if loc:
                node.metadata_props[key] = loc
        rename_dimensions(self.model, dimensions)
        _ir_passes.add_opset_imports(self.model)
        return self.model


def rename_dimensions(model: ir.Model, names: Mapping[str, str]) -> None:
    """Rename symbols in the shapes of all values of `model`, those within expressions included."""
    if names:
        _ir_passes.rename_axis(model, cast(dict[str | ir.SymbolicDim, str], dict(names)))
