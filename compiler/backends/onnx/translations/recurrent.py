"""Recurrent layers over a whole sequence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from onnxscript.function_libs.torch_lib.ops import core
from torch._ops import OpOverload

from adaptc.compiler.backends.onnx.translations.tools import ints, op


def table() -> dict[OpOverload, Callable[..., Any]]:
    """Translations by ATen overload."""
    aten, adaptc = torch.ops.aten, torch.ops.adaptc
    return {
        adaptc.lstm.default: lstm_of_any_length,
        adaptc.rnn.default: rnn_of_any_length,
        aten.lstm.input: lstm,
        aten.rnn_tanh.input: _elman("Tanh"),
        aten.rnn_relu.input: _elman("Relu"),
    }


def lstm(
    input: Any,
    hx: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    """The exporter's translation, which is wrong for projections: raises NotImplementedError for them."""
    if hx[0].shape[-1] != hx[1].shape[-1]:
        raise NotImplementedError("ONNX's LSTM has no projection of the hidden state (proj_size)")
    return core.aten_lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def lstm_of_any_length(
    input: Any, h: Any, c: Any, params: Sequence[Any], has_biases: bool, num_layers: int, bidirectional: bool,
    batch_first: bool,
) -> Any:  # fmt: skip
    """`adaptc.compiler.ir.operators.lstm`"""
    return lstm(input, (h, c), params, has_biases, num_layers, 0.0, False, bidirectional, batch_first)


def rnn_of_any_length(
    kind: str, input: Any, hx: Any, params: Sequence[Any], has_biases: bool, num_layers: int, bidirectional: bool,
    batch_first: bool,
) -> Any:  # fmt: skip
    """`adaptc.compiler.ir.operators.rnn`"""
    translations = {"gru": core.aten_gru, "rnn_tanh": _elman("Tanh"), "rnn_relu": _elman("Relu")}
    return translations[kind](input, hx, params, has_biases, num_layers, 0.0, False, bidirectional, batch_first)


def _elman(activation: str) -> Callable[..., Any]:
    """The translation of ``nn.RNN`` with one nonlinearity: one ONNX RNN per layer."""

    def rnn(
        input: Any,
        hx: Any,
        params: Sequence[Any],
        has_biases: bool,
        num_layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> Any:
        directions = 2 if bidirectional else 1
        each = 4 if has_biases else 2
        first, axes = ints(0), ints(1)
        steps = op.Transpose(input, perm=[1, 0, 2]) if batch_first else input
        finals = []
        for layer in range(num_layers):
            groups = [
                params[(layer * directions + d) * each : (layer * directions + d + 1) * each] for d in range(directions)
            ]
            stacked = [_stack([group[kind] for group in groups], first) for kind in range(2)]
            biases = [op.Concat(group[2], group[3], axis=0) for group in groups] if has_biases else []
            start = ints(layer * directions)
            end = ints((layer + 1) * directions)
            outputs, final = op.RNN(
                steps,
                *stacked,
                _stack(biases, first) if biases else None,
                None,
                op.Slice(hx, start, end, first),
                activations=[activation] * directions,
                direction="bidirectional" if bidirectional else "forward",
                hidden_size=hx.shape[-1],
            )
            # [length, directions, batch, hidden] -> [length, batch, directions * hidden]
            steps = (
                op.Reshape(op.Transpose(outputs, perm=[0, 2, 1, 3]), ints(0, 0, -1))
                if bidirectional
                else op.Squeeze(outputs, axes)
            )
            finals.append(final)
        result = op.Transpose(steps, perm=[1, 0, 2]) if batch_first else steps
        return result, op.Concat(*finals, axis=0)

    return rnn


def _stack(tensors: Sequence[Any], first: Any) -> Any:
    parts = [op.Unsqueeze(tensor, first) for tensor in tensors]
    return op.Concat(*parts, axis=0)
