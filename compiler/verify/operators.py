"""torch's operators with control flow as the Python code that they stand for, so that their reads can be seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch._ops import HigherOrderOperator


def _cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Sequence[Any] = ()) -> Any:
    return true_fn(*operands) if pred else false_fn(*operands)


def _while_loop(
    cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried: Sequence[Any], additional: Sequence[Any] = ()
) -> Any:
    values = tuple(carried)
    while cond_fn(*values, *additional):
        values = tuple(body_fn(*values, *additional))
    return values


def _map(function: Callable[..., Any], xs: Sequence[torch.Tensor], args: Sequence[Any] = ()) -> Any:
    rows = [function(*row, *args) for row in zip(*xs)]
    if isinstance(rows[0], torch.Tensor):
        return torch.stack(rows)
    return type(rows[0])([torch.stack(column) for column in zip(*rows)])


_WRITTEN: dict[str, Callable[..., Any]] = {"cond": _cond, "while_loop": _while_loop, "map_impl": _map}


@contextmanager
def written_out() -> Iterator[None]:
    """While it lasts, calls of ``torch.cond``, ``while_loop`` and ``map`` run that code."""
    cls: Any = HigherOrderOperator
    original = cls.__call__

    def call(operator: Any, /, *args: Any, **kwargs: Any) -> Any:
        function = _WRITTEN.get(operator.name())
        return original(operator, *args, **kwargs) if function is None else function(*args, **kwargs)

    cls.__call__ = call
    try:
        yield
    finally:
        cls.__call__ = original
