"""What a rule looks for and puts there, as graphs: its functions traced with symbols for their parameters."""

from __future__ import annotations

import inspect
import operator
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx
from torch._ops import OpOverload, OpOverloadPacket
from torch.fx.proxy import GraphAppendingTracer, TraceError

from adaptc.passes.calls import OPERATORS, aten
from adaptc.passes.errors import PassError
from adaptc.passes.rule import Rule

_KINDS: Mapping[object, str] = {
    torch.Tensor: "a tensor",
    types.NoneType: "None",
    int: "an int",
    float: "a float",
    bool: "a bool",
    str: "a text",
    list: "a list",
    list[int]: "a list of ints",
    torch.dtype: "a dtype",
    object: "anything",
}
"""The annotations that a parameter may have, alone or joined by "|"."""


@dataclass(frozen=True)
class Parameter:
    """What a parameter of a pattern stands for: any of `kinds`."""

    name: str
    kinds: tuple[object, ...]

    def admits(self, value: Any) -> bool:
        """Whether it can stand for `value`: a node, or the constant in an argument's place."""
        return any(_is_kind(value, kind) for kind in self.kinds)

    def __str__(self) -> str:
        return " or ".join(_KINDS[kind] for kind in self.kinds)


@dataclass(frozen=True)
class Pattern:
    """The traced pattern: its parameters by their nodes, its calls, and the calls that give its results."""

    parameters: Mapping[fx.Node, Parameter]
    calls: tuple[fx.Node, ...]
    results: tuple[fx.Node, ...]


def trace_pattern(rule: Rule) -> Pattern:
    """The pattern of `rule`; raises PassError where it is no pattern of ATen calls."""
    what = f"the pattern of rule '{rule.name}'"
    named = _parameters(rule, what)
    for method in (rule.replace, rule.check):
        _same_parameters(rule, list(named), method)
    graph = fx.Graph()
    holders = {graph.placeholder(name): parameter for name, parameter in named.items()}
    tracer = GraphAppendingTracer(graph)
    proxies = {holder.name: fx.Proxy(holder, tracer) for holder in holders}
    try:
        found = rule.pattern(*proxies.values())
    except TraceError as error:
        raise PassError(
            f"{what} asks for the value of a parameter or a call, and there is none yet: {error}; decide in check()"
        ) from error
    results = call_results(found, what)
    even_out(list(graph.nodes), what)
    calls = [node for node in graph.nodes if node.op == "call_function"]
    used: set[fx.Node] = set()
    todo = list(results)
    while todo:
        node = todo.pop()
        used.add(node)
        todo += node.all_input_nodes
    for node in (*holders, *calls):
        if node not in used:
            raise PassError(f"{what} has '{node.name}', which no result needs: it would never be found")
    for node in results:
        if node in holders:
            raise PassError(f"{what} gives its parameter '{node.name}' as a result: it must call something")
    return Pattern(holders, tuple(calls), results)


def call_results(found: object, what: str) -> tuple[fx.Node, ...]:
    """The nodes of what a traced function returned."""
    values = found if isinstance(found, tuple | list) else (found,)
    if not values or not all(isinstance(value, fx.Proxy) for value in values):
        raise PassError(f"{what} returns {found!r}; it must return a call of torch.ops.aten, or a tuple of calls")
    return tuple(typing.cast(fx.Proxy, value).node for value in values)


def even_out(nodes: Iterable[fx.Node], what: str) -> None:
    """Make Python's operators on tensors the ATen calls that they are; raises PassError for other functions."""
    for node in nodes:
        if node.op in ("placeholder", "output") or node.target is operator.getitem:
            continue
        if node.op == "call_function" and isinstance(node.target, OpOverload | OpOverloadPacket):
            continue
        called = OPERATORS.get(node.target)
        if node.op != "call_function" or called is None:
            name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", node.target)
            raise PassError(f"{what} calls {name}, which is no ATen operator; write torch.ops.aten.{name}(...)")
        if not isinstance(node.args[0], fx.Node):
            number, tensor = node.args
            if node.target is operator.sub:
                called = aten.rsub
            elif node.target not in (operator.add, operator.mul):
                raise PassError(
                    f"{what} has the number {number} on the left of '{getattr(node.target, '__name__', '')}'; write it "
                    f"as calls of torch.ops.aten whose first argument is a tensor"
                )
            node.args = (tensor, number)
        node.target = called


def _parameters(rule: Rule, what: str) -> dict[str, Parameter]:
    try:
        hints = typing.get_type_hints(rule.pattern)
    except NameError as error:
        raise PassError(f"{what} has an annotation that is not defined where the rule is: {error}") from error
    found: dict[str, Parameter] = {}
    for name, declared in inspect.signature(rule.pattern).parameters.items():
        if declared.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD or declared.default is not declared.empty:
            raise PassError(f"{what} has the parameter '{declared}'; parameters are plain names, with annotations")
        hint = hints.get(name, torch.Tensor)
        if hint is Any:
            hint = torch.Tensor
        joined = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        kinds = typing.get_args(hint) if joined else (hint,)
        for kind in kinds:
            if kind not in _KINDS:
                known = ", ".join(getattr(one, "__name__", str(one)) for one in _KINDS)
                raise PassError(f"{what}: '{name}' is annotated {kind}; a parameter is one of {known}, or several by |")
        found[name] = Parameter(name, kinds)
    return found


def _same_parameters(rule: Rule, wanted: list[str], method: Any) -> None:
    declared = inspect.signature(method).parameters
    if method == rule.check and [each.kind.name for each in declared.values()] == ["VAR_POSITIONAL", "VAR_KEYWORD"]:
        return  # the rule has no check
    if list(declared) != wanted:
        raise PassError(
            f"rule '{rule.name}': {method.__name__}({', '.join(declared)}) has other parameters than "
            f"pattern({', '.join(wanted)}); they must be the same, in the same order"
        )


def _is_kind(value: Any, kind: object) -> bool:
    if kind is object:
        return True
    if kind is torch.Tensor:
        return isinstance(value, fx.Node) and isinstance(value.meta.get("val"), torch.Tensor)
    if kind is float:
        return type(value) in (int, float)  # a scalar argument takes whole numbers as well
    if kind is list:
        return isinstance(value, list | tuple)
    if kind == list[int]:
        return isinstance(value, list | tuple) and all(type(item) is int for item in value)
    return type(value) is kind or (kind is torch.dtype and isinstance(value, torch.dtype))
