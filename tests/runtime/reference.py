"""The meaning of a host program, written down as directly as possible: what the synthesis is compared with."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adaptc.runtime.errors import NetworkError
from adaptc.runtime.hostprogram import (
    OPERATORS,
    Apply,
    Branch,
    Call,
    Const,
    Expr,
    HostProgram,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Return,
    Size,
    Switch,
)


def evaluate(expr: Expr, values: Mapping[str, Any]) -> Any:
    """`eval` of one operator at a time; `and`, `or` and `select` leave out what Python leaves out."""
    match expr:
        case Const(value=value, kind=kind):
            return float(value) if kind == "float" else value
        case Ref(name=name):
            return values[name]
        case Size(name=name, dim=dim):
            return values[name].shape[dim]
        case Apply(function=function, args=args):
            lazy = {f"a{i}": (lambda arg=arg: evaluate(arg, values)) for i, arg in enumerate(args)}
            text = OPERATORS[function].format(*(f"{name}()" for name in lazy))
            return eval(text, {"math": math, **lazy})


def interpret(
    program: HostProgram, inputs: Sequence[Any], calls: Mapping[str, Callable[..., Any]]
) -> tuple[int, tuple[Any, ...], list[int]]:
    """The block whose return was taken, the outputs, and the path. Raises `NetworkError` as the program does."""
    index = {block.name: i for i, block in enumerate(program.blocks)}
    at, arguments, path = index[program.entry], list(inputs), []
    while True:
        block = program.blocks[at]
        path.append(at)
        values = dict(zip(block.params, arguments, strict=True))
        for step in block.steps:
            match step:
                case Call(unit=unit, inputs=exprs, outputs=names):
                    results = calls[unit](*(evaluate(expr, values) for expr in exprs))
                    values.update(zip(names, results, strict=True))
                case Let(name=name, expr=expr):
                    values[name] = evaluate(expr, values)
                case Read(name=name, tensor=tensor, kind=kind):
                    values[name] = {"bool": bool, "int": int, "float": float}[kind](values[tensor].item())
        match block.terminator:
            case Return(outputs=outputs):
                return at, tuple(evaluate(expr, values) for expr in outputs), path
            case Raise(exception=exception, message=message, loc=loc):
                raise NetworkError(exception, message, loc)
            case Jump(to=edge):
                pass
            case Branch(test=test, then=then, orelse=orelse):
                edge = then if evaluate(test, values) else orelse
            case Switch(index=expr, keys=keys, edges=edges, default=default):
                chosen = evaluate(expr, values)
                edge = next((e for key, e in zip(keys, edges, strict=True) if key == chosen), default)
        at, arguments = index[edge.block], [evaluate(arg, values) for arg in edge.args]
