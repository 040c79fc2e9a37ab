"""Types that ONNX Runtime has few kernels for are computed in wider ones and rounded after each operator.

bfloat16 and float16 are computed in float32, 8-bit and 16-bit integers in int32. PyTorch's own CPU kernels
compute in float32 too and round the result, so rounding after each ATen operator keeps its meaning. At a
unit's border the tensors keep their types, but for bfloat16, which numpy lacks: there they are float32, which
holds every bfloat16 value. Weights keep their types.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx
from torch._guards import detect_fake_mode

WIDER = {
    torch.bfloat16: torch.float32,
    torch.float16: torch.float32,
    torch.int8: torch.int32,
    torch.uint8: torch.int32,
    torch.int16: torch.int32,
}
"""A type that is computed in a wider one -> the wider one."""

_convert = torch.ops.prims.convert_element_type.default


def border_type(dtype: torch.dtype) -> torch.dtype:
    """The type in which a tensor of `dtype` crosses the border of a unit."""
    return torch.float32 if dtype is torch.bfloat16 else dtype


def round_thresholds(graph: fx.Graph) -> None:
    """Round the numbers that narrow tensors are compared with, in place, as PyTorch's CPU kernels do.

    To be called before type promotion, which compares in float32.
    """
    comparisons = ("eq", "ge", "gt", "le", "lt", "ne")
    for node in graph.nodes:
        target = node.target
        if isinstance(target, torch._ops.OpOverload) and target.overloadpacket.__name__ in comparisons:
            tensor, number = node.args
            if isinstance(tensor, fx.Node) and isinstance(number, float):
                dtype = tensor.meta["val"].dtype
                if dtype in WIDER and dtype.is_floating_point:
                    node.args = (tensor, torch.tensor(number, dtype=dtype).item())


def widen(graph: fx.Graph, input_count: int) -> None:
    """Compute in wider types, in place. The placeholders are `input_count` inputs, then the weights."""
    nodes = list(graph.nodes)
    narrow = {node: dtypes for node in nodes if any(dtypes := _dtypes(node))}
    if not narrow:
        return
    mode = detect_fake_mode([value for node in nodes for value in _values(node)])
    if mode is None:
        raise RuntimeError("the graph carries no fake tensors")
    output = graph.output_node()
    border = [border_type(result.meta["val"].dtype) for result in _results(output)]
    with mode:
        placeholders = 0
        for node in nodes:
            if node.op == "placeholder":
                placeholders += 1
                if node in narrow:
                    _widen_placeholder(node, placeholders <= input_count)
            elif node.op == "call_function":
                _widen_call(node, narrow.get(node, ()))
        output.args = (
            tuple(
                result if result.meta["val"].dtype is dtype else _insert(result, result, dtype)
                for result, dtype in zip(_results(output), border, strict=True)
            ),
        )


def _results(output: fx.Node) -> tuple[fx.Node, ...]:
    return tuple(output.args[0])  # type: ignore[arg-type]


def _values(node: fx.Node) -> list[Any]:
    value = node.meta.get("val")
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _dtypes(node: fx.Node) -> tuple[torch.dtype | None, ...]:
    """The types of the node's results that are to be widened; None for the others."""
    return tuple(
        value.dtype if isinstance(value, torch.Tensor) and value.dtype in WIDER else None for value in _values(node)
    )


def _wide(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return type(value)(_wide(item) for item in value)
    if isinstance(value, torch.Tensor) and value.dtype in WIDER:
        return value.to(WIDER[value.dtype])
    return value


def _insert(after: fx.Node, source: fx.Node, dtype: torch.dtype) -> fx.Node:
    graph = after.graph
    with graph.inserting_after(after):
        node = graph.call_function(_convert, (source, dtype))
    node.meta.update({key: value for key, value in source.meta.items() if key != "val"})
    node.meta["val"] = source.meta["val"].to(dtype)
    return node


def _round(node: fx.Node, dtype: torch.dtype) -> None:
    """Round a wide value to `dtype`; the value stays wide."""
    users = list(node.users)
    narrow = _insert(node, node, dtype)
    wide = _insert(narrow, narrow, WIDER[dtype])
    for user in users:
        user.replace_input_with(node, wide)


def _widen_placeholder(node: fx.Node, is_input: bool) -> None:
    dtype = node.meta["val"].dtype
    if is_input and border_type(dtype) is not dtype:
        node.meta["val"] = node.meta["val"].to(border_type(dtype))
        _round(node, dtype)
        return
    users = list(node.users)
    wide = _insert(node, node, WIDER[dtype])
    for user in users:
        user.replace_input_with(node, wide)


def _widen_call(node: fx.Node, dtypes: tuple[torch.dtype | None, ...]) -> None:
    if node.target is not operator.getitem:
        node.args = fx.node.map_aggregate(node.args, _wide_dtype)
        node.kwargs = fx.node.map_aggregate(node.kwargs, _wide_dtype)
    node.meta["val"] = _wide(node.meta["val"])
    # The results of a call with several are rounded where they are taken out of the tuple.
    if isinstance(node.meta["val"], torch.Tensor) and dtypes and dtypes[0] is not None and not _moves(node):
        _round(node, dtypes[0])


def _wide_dtype(argument: Any) -> Any:
    return WIDER.get(argument, argument) if isinstance(argument, torch.dtype) else argument


def _moves(node: fx.Node) -> bool:
    """Whether the result needs no rounding: its elements are elements of the arguments or their negatives."""
    if _is_factor(node):
        return True
    source: Any = node.args[0] if node.target is operator.getitem else node
    target = source.target
    return isinstance(target, torch._ops.OpOverload) and target.overloadpacket.__name__ in _MOVES


def _is_factor(node: fx.Node) -> bool:
    """Whether the node converts a number that tensors are multiplied with or divided by.

    PyTorch's CPU kernels round the number in `x + 0.3` to the type of x, but not the one in `x * 0.3`.
    """
    number = node.target in (_convert, torch.ops.aten.scalar_tensor.default) and node.meta["val"].dim() == 0
    aten = torch.ops.aten
    return number and all(user.target in (aten.mul.Tensor, aten.div.Tensor) for user in node.users)


_MOVES = frozenset(
    (
        *("abs", "alias", "amax", "amin", "cat", "chunk", "clone", "contiguous", "copy", "detach"),
        *("diagonal", "embedding", "expand", "expand_as", "flatten", "flip", "gather", "index"),
        *("index_select", "max", "max_pool2d", "maximum", "min", "minimum", "movedim", "narrow"),
        *("neg", "permute", "relu", "repeat", "reshape", "roll", "select", "slice", "sort"),
        *("split", "split_with_sizes", "squeeze", "stack", "swapaxes", "t", "tile", "topk"),
        *("transpose", "tril", "triu", "unbind", "unflatten", "unfold", "unsqueeze", "view"),
        *("_unsafe_view", "where"),
    )
)
"""ATen operators that move elements without computing new ones."""
