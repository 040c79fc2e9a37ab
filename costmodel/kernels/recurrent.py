"""Kernels of recurrent layers: whole sequences in one kernel, single steps in many."""

from __future__ import annotations

from collections.abc import Mapping

from adaptc.costmodel.graph import Call, Value
from adaptc.costmodel.kernels.kernel import Grouping, Handler
from adaptc.costmodel.kernels.layers import product
from adaptc.costmodel.kernels.movement import moves
from adaptc.costmodel.kernels.pointwise import whole


def _sequence(grouping: Grouping, call: Call) -> None:
    """The layers of a recurrent network: a kernel for each, and transposes between them."""
    given = call.tensors[0]
    grouping.need_plain(given, call)
    numbers = [arg for arg in call.args if isinstance(arg, int) and not isinstance(arg, bool)]
    flags = [arg for arg in call.args if isinstance(arg, bool)]
    layers = numbers[0] if numbers else 1
    ways = 2 if len(flags) > 2 and flags[2] else 1
    gates, op = {"lstm": (4, "LSTM"), "gru": (3, "GRU")}.get(call.name, (1, "RNN"))
    features = given.shape[-1]
    width = call.result.shape[-1] // ways
    batch = given.shape[0] if len(flags) > 3 and flags[3] else given.shape[-2]
    steps = given.elements // max(1, batch * features)
    moves(grouping, call, "Transpose", given, float(features), "transpose")
    for layer in range(layers):
        taken = features if layer == 0 else width * ways
        terms = {
            "steps": float(ways * steps),
            "macs": float(ways * steps * batch * gates * width * taken),
            "recurrent": float(ways * steps * batch * gates * width * width),
            "streamed": float(ways * steps * gates * width * width),
            "elements": float(ways * steps * batch * gates * width),
        }
        grouping.add(f"recurrent.{op.lower()}", op, call, terms, {"width": width, "steps": steps, "batch": batch})
        moves(grouping, call, "Transpose", call.result, float(width), "transpose")
        grouping.add("reshape", "Reshape", call, {"bytes": 0.0})
    moves(grouping, call, "Transpose", call.result, float(width), "transpose")
    for value in call.results:
        grouping.give_plain(value)


def _cell(gates: int, pointwise: Mapping[str, tuple[str, int]]) -> Handler:
    """A step of a recurrent layer with so many gates: two products of matrices, and these kernels so many times."""

    def handler(grouping: Grouping, call: Call) -> None:
        given, state = call.tensors[0], call.result
        rows, width = state.elements // max(1, state.shape[-1]), state.shape[-1]
        for value in call.tensors:
            if not value.constant:
                grouping.need_plain(value, call)
        for source in (given, state):
            product(grouping, call, "Gemm", rows, source.shape[-1], gates * width)
        for op, (kind, count) in pointwise.items():
            for _ in range(count):
                _elements(grouping, call, kind, op, state)
        for value in call.results:
            grouping.give_plain(value)

    return handler


def _elements(grouping: Grouping, call: Call, kind: str, op: str, state: Value) -> None:
    if kind == "split":
        grouping.add(kind, op, call, {"bytes": 4.0 * state.bytes, "runs": 4.0})
    else:
        grouping.add(kind, op, call, whole(state, 3))


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu", "adaptc.rnn"), _sequence),
    "lstm_cell": _cell(
        4,
        {"Add": ("binary", 2), "Split": ("split", 1), "Tanh": ("tanh", 2), "Sigmoid": ("sigmoid", 3)}
        | {"Mul": ("binary", 3)},
    ),
    "gru_cell": _cell(
        3,
        {"Split": ("split", 2), "Add": ("binary", 4), "Sigmoid": ("sigmoid", 2), "Mul": ("binary", 2)}
        | {"Tanh": ("tanh", 1), "Sub": ("binary", 1)},
    ),
}
