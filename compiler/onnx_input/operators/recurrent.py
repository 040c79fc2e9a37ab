"""LSTM, GRU and RNN: torch's own where it computes the same, else step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adaptc.compiler.onnx_input.operators.shaping import reverse_sequence
from adaptc.compiler.onnx_input.registry import Unsupported, operator

_State = tuple[Tensor, ...]
_Cell = Callable[[Tensor, _State, int], _State]
"""What a step makes of its input, the state and the number of the direction: the next state, the output first."""


@dataclass(frozen=True)
class _Activations:
    names: list[str]
    alpha: list[float]
    beta: list[float]
    limit: float | None

    def __call__(self, number: int, x: Tensor) -> Tensor:
        """Apply activation `number`."""
        if self.limit is not None:
            x = x.clamp(-self.limit, self.limit)
        name = self.names[number].lower()
        alpha = self.alpha[number] if number < len(self.alpha) else None
        beta = self.beta[number] if number < len(self.beta) else None
        if alpha is None and beta is None:
            plain = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}
            if name in plain:
                return plain[name](x)
        if name == "affine":
            return x * (1.0 if alpha is None else alpha) + (0.0 if beta is None else beta)
        if name == "leakyrelu":
            return torch.nn.functional.leaky_relu(x, 0.01 if alpha is None else alpha)
        if name == "hardsigmoid":
            return (x * (0.2 if alpha is None else alpha) + (0.5 if beta is None else beta)).clamp(0, 1)
        raise Unsupported(f"the activation {self.names[number]} of a recurrent layer, with these numbers")


def _run(
    x: Tensor, cell: _Cell, states: list[_State], lengths: Tensor | None, reverse: list[bool]
) -> tuple[Tensor, list[_State]]:
    """Every direction over all steps: outputs [steps, directions, batch, hidden], and the last states."""
    steps = x.shape[0]
    if not isinstance(steps, int):
        raise Unsupported("a recurrent layer of this kind over a number of steps that varies")
    lengths = None if lengths is None else lengths.to(torch.int64)
    rows = []
    ends = []
    for direction, backwards in enumerate(reverse):
        turned = _turned(x, lengths) if backwards else x
        state = states[direction]
        outputs = []
        for step in range(steps):
            after = cell(turned[step], state, direction)
            output = after[0]
            if lengths is not None:
                going = (step < lengths).unsqueeze(1)
                after = tuple(torch.where(going, new, old) for new, old in zip(after, state))
                output = torch.where(going, output, torch.zeros((), dtype=x.dtype))
            state = after
            outputs.append(output)
        whole = torch.stack(outputs)
        rows.append(_turned(whole, lengths) if backwards else whole)
        ends.append(state)
    return torch.stack(rows, 1), ends


def _turned(x: Tensor, lengths: Tensor | None) -> Tensor:
    return x.flip(0) if lengths is None else reverse_sequence(x, lengths)


def _directions(direction: str) -> list[bool]:
    return {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[direction]


def _initial(x: Tensor, given: Tensor | None, count: int, hidden: int) -> Tensor:
    return torch.zeros([count, x.shape[1], hidden], dtype=x.dtype) if given is None else given


def _by_torch(
    run: Callable[..., tuple[Tensor, ...]],
    x: Tensor,
    state: Any,
    weights: list[Tensor],
    bias: bool,
    reverse: list[bool],
) -> tuple[Tensor, ...]:
    """One of torch's own layers: ONNX's outputs, and the last states."""
    turned = x.flip(0) if reverse == [True] else x
    made, *last = run(turned, state, weights, bias, 1, 0.0, False, len(reverse) == 2, False)
    made = made.flip(0) if reverse == [True] else made
    return _spread(made, len(reverse)), *last


def _weights(w: Tensor, r: Tensor, b: Tensor | None, order: list[int]) -> list[Tensor]:
    """torch's weights of all directions: the gates in another order."""
    hidden = r.shape[-1]

    def gates(rows: Tensor) -> Tensor:
        return torch.cat([rows[gate * hidden : (gate + 1) * hidden] for gate in order])

    result = []
    for direction in range(w.shape[0]):
        result += [gates(w[direction]), gates(r[direction])]
        if b is not None:
            size = len(order) * hidden
            result += [gates(b[direction][:size]), gates(b[direction][size:])]
    return result


def _layout(outputs: Tensor, states: list[Tensor], layout: int) -> tuple[Tensor, ...]:
    if not layout:
        return outputs, *states
    return outputs.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in states)


def _spread(outputs: Tensor, count: int) -> Tensor:
    """torch's outputs [steps, batch, directions * hidden] as ONNX's."""
    steps, batch, width = outputs.shape
    return outputs.reshape(steps, batch, count, width // count).transpose(1, 2)


def _first(layout: int, *tensors: Any) -> list[Any]:
    """Tensors with the dimension of steps, or of directions, first."""
    return [None if t is None else t.transpose(0, 1) if layout else t for t in tensors]


@operator("LSTM", 7, many=True)
def lstm(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    initial_h: Tensor | None = None,
    initial_c: Tensor | None = None,
    p: Tensor | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    input_forget: int = 0,
    layout: int = 0,
) -> tuple[Tensor, ...]:
    """Outputs, the last hidden and cell states."""
    x, initial_h, initial_c = _first(layout, x, initial_h, initial_c)
    reverse = _directions(direction)
    hidden = r.shape[-1]
    h = _initial(x, initial_h, len(reverse), hidden)
    c = _initial(x, initial_c, len(reverse), hidden)
    names = activations or ["Sigmoid", "Tanh", "Tanh"] * len(reverse)
    plain = [name.lower() for name in names] == ["sigmoid", "tanh", "tanh"] * len(reverse)
    if plain and lengths is None and p is None and clip is None and not input_forget:
        made, *last = _by_torch(torch.lstm, x, (h, c), _weights(w, r, b, [0, 2, 3, 1]), b is not None, reverse)
        return _layout(made, last, layout)
    act = _Activations(names, activation_alpha or [], activation_beta or [], clip)

    def cell(step: Tensor, state: _State, number: int) -> _State:
        before, memory = state
        gates = step @ w[number].t() + before @ r[number].t()
        if b is not None:
            gates = gates + b[number][: 4 * hidden] + b[number][4 * hidden :]
        entering, leaving, forgetting, new = gates.chunk(4, -1)
        if p is not None:
            at_i, at_o, at_f = p[number].chunk(3)
            entering, forgetting = entering + at_i * memory, forgetting + at_f * memory
        entering = act(3 * number, entering)
        forgetting = 1 - entering if input_forget else act(3 * number, forgetting)
        memory = forgetting * memory + entering * act(3 * number + 1, new)
        if p is not None:
            leaving = leaving + at_o * memory
        return act(3 * number, leaving) * act(3 * number + 2, memory), memory

    outputs, ends = _run(x, cell, [(h[i], c[i]) for i in range(len(reverse))], lengths, reverse)
    return _layout(outputs, [torch.stack([end[i] for end in ends]) for i in range(2)], layout)


@operator("GRU", 7, many=True)
def gru(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> tuple[Tensor, ...]:
    """Outputs and the last state."""
    x, initial_h = _first(layout, x, initial_h)
    reverse = _directions(direction)
    hidden = r.shape[-1]
    h = _initial(x, initial_h, len(reverse), hidden)
    names = activations or ["Sigmoid", "Tanh"] * len(reverse)
    plain = [name.lower() for name in names] == ["sigmoid", "tanh"] * len(reverse)
    if plain and lengths is None and clip is None and linear_before_reset:
        made, *last = _by_torch(torch.gru, x, h, _weights(w, r, b, [1, 0, 2]), b is not None, reverse)
        return _layout(made, last, layout)
    act = _Activations(names, activation_alpha or [], activation_beta or [], clip)

    def cell(step: Tensor, state: _State, number: int) -> _State:
        (before,) = state
        own, other = w[number], r[number]
        both = torch.zeros(6 * hidden, dtype=x.dtype) if b is None else b[number]
        entering = step @ own.t() + both[: 3 * hidden]
        x_z, x_r, x_h = entering.chunk(3, -1)
        h_z, h_r = (before @ other[: 2 * hidden].t() + both[3 * hidden : 5 * hidden]).chunk(2, -1)
        update, reset = act(2 * number, x_z + h_z), act(2 * number, x_r + h_r)
        if linear_before_reset:
            inner = reset * (before @ other[2 * hidden :].t() + both[5 * hidden :])
        else:
            inner = (reset * before) @ other[2 * hidden :].t() + both[5 * hidden :]
        new = act(2 * number + 1, x_h + inner)
        return ((1 - update) * new + update * before,)

    outputs, ends = _run(x, cell, [(h[i],) for i in range(len(reverse))], lengths, reverse)
    return _layout(outputs, [torch.stack([end[0] for end in ends])], layout)


@operator("RNN", 7, many=True)
def rnn(
    x: Tensor,
    w: Tensor,
    r: Tensor,
    b: Tensor | None = None,
    lengths: Tensor | None = None,
    initial_h: Tensor | None = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
) -> tuple[Tensor, ...]:
    """Outputs and the last state."""
    x, initial_h = _first(layout, x, initial_h)
    reverse = _directions(direction)
    hidden = r.shape[-1]
    h = _initial(x, initial_h, len(reverse), hidden)
    names = activations or ["Tanh"] * len(reverse)
    kinds = {name.lower() for name in names}
    if kinds in ({"tanh"}, {"relu"}) and lengths is None and clip is None:
        run = torch.rnn_tanh if kinds == {"tanh"} else torch.rnn_relu
        made, *last = _by_torch(run, x, h, _weights(w, r, b, [0]), b is not None, reverse)
        return _layout(made, last, layout)
    act = _Activations(names, activation_alpha or [], activation_beta or [], clip)

    def cell(step: Tensor, state: _State, number: int) -> _State:
        made = step @ w[number].t() + state[0] @ r[number].t()
        if b is not None:
            made = made + b[number][:hidden] + b[number][hidden:]
        return (act(number, made),)

    outputs, ends = _run(x, cell, [(h[i],) for i in range(len(reverse))], lengths, reverse)
    return _layout(outputs, [torch.stack([end[0] for end in ends])], layout)
