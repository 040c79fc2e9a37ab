"""Applies rules to every code of a program until none applies any more."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import fx

from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.program import Program
from adaptc.passes.draft import Draft, codes
from adaptc.passes.errors import PassError
from adaptc.passes.matching import Match, Matcher, Refusal
from adaptc.passes.pattern import trace_pattern
from adaptc.passes.replacing import replace
from adaptc.passes.rewriter import Rewriter
from adaptc.passes.rule import Captured, Miss, Rule

_REWRITES_PER_NODE = 4
_MORE_REWRITES = 64
"""A code of n nodes has room for `_REWRITES_PER_NODE` * n + `_MORE_REWRITES` rewrites; rules that want more undo each
other's work, or their own."""
_WATCHED = 12
_SHOWN_LINES = 4
_MARK = "adaptc.here"

Applied = Callable[[Rule, Draft, str], None]
"""Told of each rewrite: the rule, the draft after it, and the user's "file:line"."""


@dataclass
class RuleRecord:
    """What became of one rule: rewrites, the places where it did not apply by reason, the nearest of these, seconds."""

    hits: int = 0
    misses: Counter[str] = field(default_factory=Counter)
    nearest: Refusal | None = None
    seconds: float = 0.0

    def missed(self, refusal: Refusal) -> None:
        """Count a place where the rule does not apply."""
        self.misses[refusal.reason] += 1
        if self.nearest is None or refusal.found > self.nearest.found:
            self.nearest = refusal


def apply_rules(
    rules: Sequence[Rule], program: Program, rw: Rewriter, applied: Applied | None = None
) -> list[RuleRecord]:
    """Apply `rules` to each code of `program` until none applies; gives a record for each rule.

    Misses are those that are left at the end. Raises PassError where a rule is no rule, gives something else than it
    replaces, or does not come to an end.
    """
    matchers = [Matcher(trace_pattern(rule), rule.shared_inner) for rule in rules]
    records = [RuleRecord() for _ in rules]
    for code in codes(program):
        nodes = [node for node in code.graph.graph.nodes if node.op == "call_function"]
        if any(matcher.may_stand_at(node) for matcher in matchers for node in nodes):
            draft = Draft(program, code)
            _Rewriting(draft, list(zip(rules, matchers, records)), applied).run(rw)
    return records


class _Rewriting:
    """The rewriting of one code."""

    def __init__(
        self, draft: Draft, rules: Sequence[tuple[Rule, Matcher, RuleRecord]], applied: Applied | None
    ) -> None:
        self.draft = draft
        self.rules = rules
        self.applied = applied
        self.room = _REWRITES_PER_NODE * len(draft.graph.nodes) + _MORE_REWRITES
        self.last: list[str] = []

    def run(self, rw: Rewriter) -> None:
        """Sweep over the graph until a sweep rewrites nothing; what that one refuses are the misses."""
        rewritten = 0
        while True:
            misses: list[tuple[RuleRecord, Refusal]] = []
            found = self._sweep(misses)
            rewritten += found
            if not found:
                break
        for record, refusal in misses:
            record.missed(refusal)
        if rewritten:
            self.draft.finish(rw, "rewritten")

    def _sweep(self, misses: list[tuple[RuleRecord, Refusal]]) -> int:
        found = 0
        for node in list(self.draft.graph.nodes):
            for rule, matcher, record in self.rules:
                if node._erased:
                    break
                if matcher.may_stand_at(node):
                    started = time.perf_counter()
                    refusal = self._try(rule, matcher, node)
                    record.seconds += time.perf_counter() - started
                    if refusal is None:
                        record.hits += 1
                        found += 1
                        self._count(rule, node)
                    else:
                        misses.append((record, refusal))
        return found

    def _try(self, rule: Rule, matcher: Matcher, node: fx.Node) -> Refusal | None:
        """Rewrite what matches at `node`; gives the reason where nothing is rewritten."""
        match = matcher.at(node)
        if isinstance(match, Refusal):
            return match
        try:
            self._check(rule, match)
            replace(rule, self.draft, match)
        except Miss as miss:
            count = len(matcher.pattern.calls)
            return Refusal(miss.reason, match.root, miss.node or match.root, count, count)
        except PassError as error:
            raise PassError(f"{error}\n{self._around(node)}") from error
        if self.applied is not None:
            self.applied(rule, self.draft, str(node.meta.get("loc", "")))
        return None

    def _check(self, rule: Rule, match: Match) -> None:
        draft = self.draft

        def captured(node: fx.Node) -> Any:
            if "val" in node.meta:
                return Captured(node, draft.values.tensors, draft.exclusive)
            return node

        values: Mapping[str, Any] = {name: fx.map_arg(value, captured) for name, value in match.values.items()}
        try:
            rule.check(*values.values())
        except Miss:
            raise
        except Exception as error:
            raise PassError(f"the check of rule '{rule.name}' failed: {type(error).__name__}: {error}") from error

    def _count(self, rule: Rule, node: fx.Node) -> None:
        """Stop rules that go on for ever."""
        self.room -= 1
        if self.room < 0:
            self.last.append(rule.name)
        if len(self.last) < _WATCHED:
            return
        names = [f"'{name}'" for name in dict.fromkeys(self.last)]
        loc = node.meta.get("loc", "")
        where = f" ({loc})" if loc else ""
        if len(names) == 1:
            raise PassError(f"rule {names[0]} matches what it makes itself, without end, at '{node.name}'{where}")
        raise PassError(
            f"rules {', '.join(names[:-1])} and {names[-1]} undo each other's work without end, at "
            f"'{node.name}'{where}; let the check of one refuse what the other makes"
        )

    def _around(self, node: fx.Node) -> str:
        """The MLIR around `node`."""
        loc = node.meta.get("loc", "")
        node.meta["loc"] = f"{_MARK}:1"
        try:
            program, block = self.draft.preview("rewritten")
            lines = to_mlir(program, only=[block]).splitlines()
        finally:
            node.meta["loc"] = loc
        marked = [number for number, line in enumerate(lines) if _MARK in line] or [0]
        first, end = max(0, marked[0] - _SHOWN_LINES), marked[-1] + _SHOWN_LINES + 1
        text = "\n".join(line.partition(" loc(")[0] for line in lines[first:end])
        return f"block '{block}'{f' ({loc})' if loc else ''}:\n{text}"
