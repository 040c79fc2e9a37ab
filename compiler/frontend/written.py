"""torch functions written with others: their own shape rules or exports do not hold for sizes that vary, or at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.utils._sympy.value_ranges import bound_sympy

from adaptc.compiler.frontend.draft import leaves
from adaptc.compiler.frontend.symbols import Symbolic
from adaptc.compiler.ir.operators import grouped_mm, lstm, rnn

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder

MOST_EQUATIONS = 32


def gru_cell(
    x: torch.Tensor,
    h: torch.Tensor,
    w_ih: torch.Tensor,
    w_hh: torch.Tensor,
    b_ih: torch.Tensor | None = None,
    b_hh: torch.Tensor | None = None,
) -> torch.Tensor:
    """torch.gru_cell"""
    x_reset, x_update, x_new = linear(x, w_ih, b_ih).chunk(3, -1)
    h_reset, h_update, h_new = linear(h, w_hh, b_hh).chunk(3, -1)
    update = torch.sigmoid(x_update + h_update)
    new = torch.tanh(x_new + torch.sigmoid(x_reset + h_reset) * h_new)
    return (h - new) * update + new


def lstm_cell(
    x: torch.Tensor,
    state: tuple[torch.Tensor, torch.Tensor],
    w_ih: torch.Tensor,
    w_hh: torch.Tensor,
    b_ih: torch.Tensor | None = None,
    b_hh: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """torch.lstm_cell"""
    h, c = state
    entering, forgetting, new, leaving = (linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)).chunk(4, -1)
    c = torch.sigmoid(forgetting) * c + torch.sigmoid(entering) * torch.tanh(new)
    return torch.sigmoid(leaving) * torch.tanh(c), c


def _rnn_cell(activation: Callable[[torch.Tensor], torch.Tensor]) -> Callable[..., torch.Tensor]:
    """torch.rnn_tanh_cell and torch.rnn_relu_cell"""

    def rnn_cell(
        x: torch.Tensor,
        h: torch.Tensor,
        w_ih: torch.Tensor,
        w_hh: torch.Tensor,
        b_ih: torch.Tensor | None = None,
        b_hh: torch.Tensor | None = None,
    ) -> torch.Tensor:
        return activation(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh))

    return rnn_cell


def solve(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """torch.linalg.solve of [..., n, n] and [..., n, k] by Gaussian elimination with partial pivoting; n is known.

    Golub and Van Loan, Matrix Computations, section 3.4.
    """
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    n = a.shape[-1]
    right = b.unsqueeze(-1) if vector else b
    batch = a.shape[:-2]
    table = torch.cat([a, right.expand(*batch, *right.shape[-2:])], -1)
    places = torch.arange(n).expand(*batch, n)
    for column in range(n):
        below = torch.where(places >= column, table[..., column].abs(), -1.0)
        pivot = below.argmax(-1, keepdim=True)
        order = torch.where(places == column, pivot, torch.where(places == pivot, column, places))
        table = table.gather(-2, order.unsqueeze(-1).expand(table.shape))
        row = table[..., column : column + 1, :] / table[..., column : column + 1, column : column + 1]
        others = torch.where((places == column).unsqueeze(-1), 0.0, table[..., column : column + 1])
        table = torch.where((places == column).unsqueeze(-1), row, table - others * row)
    result = table[..., n:]
    return result.squeeze(-1) if vector else result


def solve_up_to(a: torch.Tensor, b: torch.Tensor, most: int) -> torch.Tensor:
    """`solve` of at most `most` equations: with others that give zeros, there are as many."""
    vector = b.dim() == 1 or (b.dim() == a.dim() - 1 and b.shape == a.shape[:-1])
    n, right = a.shape[-1], b.unsqueeze(-1) if vector else b
    others = torch.diag((torch.arange(most) >= n).to(a.dtype))
    # the sizes are equal, but not always known to be
    table = torch.nn.functional.pad(a, (0, most - n, 0, most - a.shape[-2])) + others
    result = solve(table, torch.nn.functional.pad(right, (0, 0, 0, most - right.shape[-2])))[..., :n, :]
    return result.squeeze(-1) if vector else result


def inverse(a: torch.Tensor) -> torch.Tensor:
    """torch.linalg.inv of [..., n, n]; n is known."""
    return solve(a, torch.eye(a.shape[-1], dtype=a.dtype).expand(a.shape))


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    causal: torch.Tensor,
    dropout_p: float = 0.0,
    **options: Any,
) -> torch.Tensor:
    """torch.nn.functional.scaled_dot_product_attention where a 0-d bool tensor tells whether it is causal."""
    rows, columns = torch.arange(query.shape[-2]), torch.arange(key.shape[-2])
    mask = (columns <= rows.unsqueeze(1)) | ~causal
    return scaled_dot_product_attention(query, key, value, mask, dropout_p, **options)


def roll(input: torch.Tensor, shifts: Any, dims: Any = None) -> torch.Tensor:
    """torch.roll"""
    if dims is None or dims == ():
        return roll(input.flatten(), shifts, 0).reshape(input.shape)
    numbers = shifts if isinstance(shifts, (tuple, list)) else (shifts,)
    for shift, dim in zip(numbers, dims if isinstance(dims, (tuple, list)) else (dims,), strict=True):
        places = (torch.arange(input.shape[dim]) - shift) % input.shape[dim]
        input = input.index_select(dim, places)
    return input


def cdist(x1: torch.Tensor, x2: torch.Tensor, p: float = 2.0, compute_mode: str = "") -> torch.Tensor:
    """torch.cdist"""
    distances: torch.Tensor = torch.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
    return distances


def one_hot(tensor: torch.Tensor, num_classes: int) -> torch.Tensor:
    """torch.nn.functional.one_hot"""
    return tensor.new_zeros(*tensor.shape, num_classes).scatter(-1, tensor.unsqueeze(-1), 1)


def mean_of_planes(input: torch.Tensor, output_size: Any) -> torch.Tensor:
    """torch.nn.functional.adaptive_avg_pool2d to one element for each channel."""
    return input.mean((-2, -1), keepdim=True)


Rewrite = Callable[["Recorder", Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


def _where_sizes_vary(function: Callable[..., Any]) -> Rewrite:
    def rewrite(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        varies = any(not isinstance(extent, int) for tensor in tensors for extent in tensor.shape)
        varies = varies or any(isinstance(leaf, Symbolic) for leaf in leaves((args, kwargs)))
        return recorder.record(function if varies else func, args, kwargs)

    return rewrite


def _of_few_equations(function: Callable[..., Any], count: int) -> Rewrite:
    def rewrite(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if len(args) != count or kwargs:
            return recorder.record(func, args, kwargs)
        size = recorder.fake(args[0]).shape[-1]
        if isinstance(size, int):
            return recorder.record(function if size <= MOST_EQUATIONS else func, args, kwargs)
        most = bound_sympy(size.node.expr, recorder.symbols.bounds(size.node.expr)).upper
        if not most.is_Integer or most > MOST_EQUATIONS:
            return recorder.record(func, args, kwargs)
        right = args[1] if count == 2 else recorder.record(torch.eye, (size,), {"dtype": args[0].dtype})
        return recorder.record(solve_up_to, (args[0], right, int(most)), {})

    return rewrite


def _one_hot(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """As many classes as data tells, as the greatest class where their number isn't given."""
    given = {**dict(zip(("tensor", "num_classes"), args, strict=False)), **kwargs}
    tensor, count = given["tensor"], given.get("num_classes", -1)
    if isinstance(count, torch.Tensor):
        count = recorder.read(count, own=True)
    if isinstance(count, int) and count == -1:
        greatest: Any = recorder.read(recorder.record(torch.max, (tensor,), {}), own=True)
        count = greatest + 1
    if isinstance(count, int):
        return recorder.record(func, (tensor, count), {})
    return recorder.record(one_hot, (tensor, count), {})


def _mean_of_planes(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Torch asks for the layout in memory, which depends on the sizes."""
    one = not kwargs and len(args) == 2 and args[1] in (1, [1], (1,), [1, 1], (1, 1))
    return _where_sizes_vary(mean_of_planes if one else func)(recorder, func, args, kwargs)


def _grouped_mm(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = dict(zip(("self", "mat2", "offs", "bias", "out_dtype"), args, strict=False), **kwargs)
    ends, bias, dtype = (given.get(name) for name in ("offs", "bias", "out_dtype"))
    rows, matrices = recorder.fake(given["self"]), recorder.fake(given["mat2"])
    by_rows = ends is not None and rows.dim() == 2 and matrices.dim() == 3
    if not by_rows or rows.dtype != matrices.dtype or bias is not None or dtype not in (None, rows.dtype):
        return recorder.record(func, args, kwargs)
    return recorder.record(grouped_mm, (rows, matrices, ends), {})


def _layers(kind: str) -> Rewrite:
    """A recurrent layer over a whole sequence, in evaluation mode: its length may vary."""

    def rewrite(recorder: Recorder, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        packed = len(args) != 9 or kwargs or isinstance(args[2], torch.Tensor) or not isinstance(args[2], (list, tuple))
        if packed or all(isinstance(extent, int) for extent in recorder.fake(args[0]).shape) or (args[5] and args[6]):
            return recorder.record(func, args, kwargs)
        sequence, state, params, has_biases, layers, _, _, *order = args
        options = (list(params), has_biases, layers, *order)
        if kind == "lstm":
            return recorder.record(lstm, (sequence, *state, *options), {})
        return recorder.record(rnn, (kind, sequence, state, *options), {})

    return rewrite


REWRITES: dict[Callable[..., Any], Rewrite] = {
    torch._C._nn.one_hot: _one_hot,
    torch._C._nn.adaptive_avg_pool2d: _mean_of_planes,
    torch._grouped_mm: _grouped_mm,
    torch.gru_cell: _where_sizes_vary(gru_cell),
    torch.lstm_cell: _where_sizes_vary(lstm_cell),
    torch.rnn_tanh_cell: _where_sizes_vary(_rnn_cell(torch.tanh)),
    torch.rnn_relu_cell: _where_sizes_vary(_rnn_cell(torch.relu)),
    torch.roll: _where_sizes_vary(roll),
    torch.Tensor.roll: _where_sizes_vary(roll),
    torch.cdist: _where_sizes_vary(cdist),
    torch.gru: _layers("gru"),
    torch.lstm: _layers("lstm"),
    torch.rnn_tanh: _layers("rnn_tanh"),
    torch.rnn_relu: _layers("rnn_relu"),
    torch.linalg.solve: _of_few_equations(solve, 2),
    torch.linalg.inv: _of_few_equations(inverse, 1),
    torch.inverse: _of_few_equations(inverse, 1),
}
