"""Finds where the pattern of a rule stands in a graph, and says where it does not why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import fx
from torch._ops import OpOverload, OpOverloadPacket

from adaptc.passes.calls import (
    arguments,
    commutes,
    from_the_front,
    packet,
    rank_of_first,
    same_constant,
    shown,
)
from adaptc.passes.pattern import Parameter, Pattern
from adaptc.passes.specialise import sources

Bound = Mapping[fx.Node, Any]
"""What the nodes of a pattern stand for: nodes of the graph and constants."""


@dataclass(frozen=True)
class Match:
    """Where a pattern stands: the value of each parameter by name, the matched calls, and those that give results."""

    values: Mapping[str, Any]
    calls: tuple[fx.Node, ...]
    results: tuple[fx.Node, ...]

    @property
    def root(self) -> fx.Node:
        """The call that gives the first result."""
        return self.results[0]

    @property
    def captured(self) -> list[fx.Node]:
        """The nodes that parameters stand for."""
        found: list[fx.Node] = []
        fx.map_arg(tuple(self.values.values()), found.append)
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Refusal:
    """Why a pattern does not stand at `root`: the reason, the value that it is about, and how many of the pattern's
    calls were found before."""

    reason: str
    root: fx.Node
    node: fx.Node
    found: int
    wanted: int

    def __str__(self) -> str:
        loc = self.node.meta.get("loc", "")
        where = f" ({loc})" if loc else ""
        return f"at '{self.root.name}', {self.found} of {self.wanted} calls: {self.reason}: '{self.node.name}'{where}"


class Matcher:
    """Looks for one pattern. With `shared_inner`, values inside a match may be read from outside."""

    def __init__(self, pattern: Pattern, shared_inner: bool) -> None:
        self.pattern = pattern
        self.shared_inner = shared_inner
        self._nearest: Refusal | None = None
        self._root: fx.Node | None = None

    def may_stand_at(self, node: fx.Node) -> bool:
        """Whether `node` calls the operator that gives the pattern's first result."""
        return node.op == "call_function" and _calls(self.pattern.results[0].target, node.target)

    def at(self, root: fx.Node) -> Match | Refusal:
        """The match whose first result is `root`, or the nearest that there is to one."""
        self._root, self._nearest = root, None
        for bound in self._results(self.pattern.results, [root], {}):
            match = Match(
                {parameter.name: bound[node] for node, parameter in self.pattern.parameters.items()},
                tuple(bound[node] for node in self.pattern.calls),
                tuple(bound[node] for node in self.pattern.results),
            )
            fault = self._fault(match)
            if fault is None:
                return match
            self._refuse(bound, *fault)
        assert self._nearest is not None
        return self._nearest

    def _results(self, wanted: Sequence[fx.Node], candidates: Sequence[fx.Node], bound: Bound) -> Iterator[Bound]:
        """Match the results one after the other; the others stand among what reads values found so far."""
        if not wanted:
            yield bound
            return
        for candidate in candidates:
            for more in self._call(wanted[0], candidate, bound):
                rest = wanted[1:]
                yield from self._results(rest, self._candidates(rest[0], more) if rest else (), more)

    def _candidates(self, wanted: fx.Node, bound: Bound) -> list[fx.Node]:
        """The calls that may give the result `wanted`."""
        if wanted in bound:
            return [bound[wanted]]
        known = [bound[node] for node in wanted.all_input_nodes if isinstance(bound.get(node), fx.Node)]
        assert self._root is not None
        readers = known[0].users if known else self._root.graph.nodes
        found = [node for node in readers if node.op == "call_function" and _calls(wanted.target, node.target)]
        if not found:
            self._refuse(bound, f"nothing gives the result {shown(wanted.target)} beside it", self._root)
        return found

    def _call(self, wanted: fx.Node, node: fx.Node, bound: Bound) -> Iterator[Bound]:
        if wanted in bound:
            if bound[wanted] is node:
                yield bound
            else:
                self._refuse(bound, f"two values stand where the pattern has {shown(wanted.target)} once", node)
            return
        if node.op != "call_function" or not _calls(wanted.target, node.target):
            there = shown(node.target) if node.op == "call_function" else "an input or weight"
            self._refuse(bound, f"{there} stands where the pattern has {shown(wanted.target)}", node)
            return
        if any(bound.get(other) is node for other in self.pattern.calls):
            self._refuse(bound, f"one call stands where the pattern has {shown(wanted.target)} twice", node)
            return
        try:
            declared = arguments(node.target, wanted.args, wanted.kwargs)
            given = arguments(node.target, node.args, node.kwargs)
        except TypeError:
            self._refuse(bound, f"{shown(node.target)} takes other arguments than the pattern gives", node)
            return
        bound = {**bound, wanted: node}  # before its arguments, so that a refusal there counts this call
        rank = rank_of_first(given)
        rows = [
            (
                name,
                from_the_front(node.target, given, name, declared[name], rank),
                from_the_front(node.target, given, name, given[name], rank),
            )
            for name in given
        ]
        yield from self._arguments(rows, node, bound)
        if len(rows) > 1 and commutes(node.target, given) and commutes(node.target, declared):
            (first, left, one), (second, right, other), *rest = rows
            yield from self._arguments([(first, left, other), (second, right, one), *rest], node, bound)

    def _arguments(self, rows: Sequence[tuple[str, Any, Any]], node: fx.Node, bound: Bound) -> Iterator[Bound]:
        if not rows:
            yield bound
            return
        name, wanted, given = rows[0]
        for more in self._value(wanted, given, f"argument '{name}' of {shown(node.target)}", node, bound):
            yield from self._arguments(rows[1:], node, more)

    def _value(self, wanted: Any, given: Any, place: str, node: fx.Node, bound: Bound) -> Iterator[Bound]:
        if isinstance(wanted, fx.Node):
            parameter = self.pattern.parameters.get(wanted)
            if parameter is not None:
                yield from self._parameter(wanted, parameter, given, place, node, bound)
            elif isinstance(given, fx.Node):
                yield from self._call(wanted, given, bound)
            else:
                self._refuse(bound, f"{place} is {given!r} where the pattern has {shown(wanted.target)}", node)
        elif isinstance(wanted, list | tuple) and isinstance(given, list | tuple) and len(wanted) == len(given):
            rows = [(str(number), *pair) for number, pair in enumerate(zip(wanted, given))]
            yield from self._arguments(rows, node, bound)
        elif not isinstance(given, fx.Node) and same_constant(wanted, given):
            yield bound
        else:
            self._refuse(bound, f"{place} is {_text(given)} where the pattern has {_text(wanted)}", node)

    def _parameter(
        self, wanted: fx.Node, parameter: Parameter, given: Any, place: str, node: fx.Node, bound: Bound
    ) -> Iterator[Bound]:
        if wanted in bound:
            known = bound[wanted]
            same = known is given if isinstance(known, fx.Node) else same_constant(known, given)
            if same:
                yield bound
            else:
                self._refuse(bound, f"{place} is another value than '{parameter.name}' stands for already", node)
        elif parameter.admits(given):
            yield {**bound, wanted: given}
        else:
            self._refuse(bound, f"{place} is {_text(given)}; '{parameter.name}' stands for {parameter}", node)

    def _fault(self, match: Match) -> tuple[str, fx.Node] | None:
        """Why the calls cannot be replaced though they match."""
        inside = set(match.calls)
        for node in match.calls:
            if node not in match.results and not self.shared_inner:
                for user in node.users:
                    if user not in inside:
                        return f"{_reader(user)} reads a value inside the match too", node
        if len(match.results) > 1:
            needed = sources(match.captured)
            for node in match.results:
                if node in needed:
                    return "what the match reads is computed from one of its results", node
        return None

    def _refuse(self, bound: Bound, reason: str, node: fx.Node) -> None:
        found = sum(call in bound for call in self.pattern.calls)
        assert self._root is not None
        if self._nearest is None or found > self._nearest.found:
            self._nearest = Refusal(reason, self._root, node, found, len(self.pattern.calls))


def _calls(wanted: object, target: object) -> bool:
    if isinstance(wanted, OpOverloadPacket):
        return isinstance(target, OpOverload) and packet(target) is wanted
    return wanted is target or (isinstance(wanted, OpOverload) and wanted == target)


def _reader(user: fx.Node) -> str:
    return "the code's result" if user.op == "output" else shown(user.target)


def _text(value: Any) -> str:
    if isinstance(value, fx.Node):
        return "a computed value" if value.op == "call_function" else "an input or weight"
    return repr(value)
