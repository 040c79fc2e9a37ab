"""Values for the reads of a path under which every test on it goes the way the path goes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from adaptc.compiler.ir.evaluate import Number
from adaptc.compiler.verify.candidates import COMPARISONS, candidates
from adaptc.compiler.verify.terms import Term, Undefined, Variable, evaluate, evaluate_all

_TRIES = 3000
_FEW = 12

Values = dict[Variable, Number]


@dataclass(frozen=True)
class Constraint:
    """`term` has the truth `wanted`; where that is None, it need only be defined."""

    term: Term
    wanted: bool | None

    def holds(self, values: Mapping[Variable, Number]) -> bool:
        """Whether `values` satisfy it."""
        value = evaluate(self.term, values)
        if isinstance(value, Undefined):
            return False
        return self.wanted is None or bool(value) == self.wanted


@dataclass(frozen=True)
class Group:
    """Constraints that share variables, and values that satisfy them all."""

    constraints: tuple[Constraint, ...]
    values: Mapping[Variable, Number]


Facts = Mapping[Variable, Group]
"""What a path has decided: each variable that a test reads, and its group. Never changed in place."""


def values_of(facts: Facts) -> Values:
    """A value for every variable that a constraint mentions."""
    return {variable: group.values[variable] for variable, group in facts.items()}


class Solver:
    """Solves the constraints of paths, keeping solutions, as paths of a program share most of their tests.

    `tries` counts the values that have been tried for a variable so far: what all the solving has cost.
    """

    def __init__(self, hints: Mapping[str, Number]) -> None:
        """`hints`: read name -> a value that the data gave it."""
        self._hints = hints
        self.tries = 0
        self._known: dict[tuple[tuple[Constraint, ...], Constraint | None], Values | None] = {}

    def add(self, facts: Facts, constraints: Sequence[Constraint]) -> Facts | None:
        """`facts` with further constraints; None where no values that satisfy all are found."""
        for constraint in itertools.chain.from_iterable(map(conjuncts, constraints)):
            if not constraint.term.variables:
                if not constraint.holds({}):
                    return None
                continue
            groups = {id(facts[v]): facts[v] for v in constraint.term.variables if v in facts}
            merged = dict.fromkeys(c for group in groups.values() for c in group.constraints)
            merged[constraint] = None
            values: Values = {v: value for group in groups.values() for v, value in group.values.items()}
            if constraint.term.variables - values.keys() or not constraint.holds(values):
                solution = self.solve(tuple(merged), start=values)
                if solution is None:
                    return None
                values = solution
            group = Group(tuple(merged), values)
            facts = {**facts, **dict.fromkeys(values, group)}
        return facts

    def tighten(self, facts: Facts, near: Collection[Constraint]) -> Values:
        """Values that satisfy `facts`, and lie at a threshold of a constraint of `near` wherever they can.

        Of constraints in one group only the first counts.
        """
        values = values_of(facts)
        for group in {id(group): group for group in facts.values()}.values():
            chosen = next((constraint for constraint in group.constraints if constraint in near), None)
            if chosen is not None:
                values.update(self.solve(group.constraints, near=chosen) or {})
        return values

    def solve(
        self,
        constraints: tuple[Constraint, ...],
        start: Mapping[Variable, Number] | None = None,
        near: Constraint | None = None,
    ) -> Values | None:
        """Values for all variables of `constraints`, at a threshold of `near` if they can, or None.

        Many variables are searched from `start`.
        """
        key = (constraints, near)
        if key not in self._known:
            term = None if near is None else near.term
            parts = tuple(itertools.chain.from_iterable(map(conjuncts, constraints)))
            constant = [part for part in parts if not part.term.variables]
            if len(constant) == len(parts) or not all(part.holds({}) for part in constant):
                self._known[key] = {} if all(part.holds({}) for part in constant) else None
                return self._known[key]
            parts = tuple(part for part in parts if part.term.variables)
            variables = tuple(dict.fromkeys(v for part in parts for v in _appearing(part.term)))
            ways = [
                lambda: self._backtrack(parts, variables, term),
                lambda: self._improve(parts, variables, start or {}, term),
            ]
            if len(variables) > _FEW:
                ways.reverse()
            self._known[key] = ways[0]() or ways[1]()
        return self._known[key]

    def _backtrack(
        self, constraints: Sequence[Constraint], variables: Sequence[Variable], near: Term | None
    ) -> Values | None:
        """Assign the variables one by one; a constraint is checked once its last variable has a value."""
        place = {variable: i for i, variable in enumerate(variables)}
        due: list[list[Constraint]] = [[] for _ in variables]
        touching: list[list[Term]] = [[] for _ in variables]
        for constraint in constraints:
            due[max(place[v] for v in constraint.term.variables)].append(constraint)
            for variable in constraint.term.variables:
                touching[place[variable]].append(constraint.term)
        values: Values = {}

        def choices(index: int) -> Iterator[Number]:
            variable = variables[index]
            return iter(candidates(variable, touching[index], values, self._hints.get(variable.name), near))

        stack = [choices(0)]
        for _ in range(_TRIES):
            self.tries += 1
            last = len(stack) - 1
            values.pop(variables[last], None)
            value = next(stack[last], None)
            if value is None:
                stack.pop()
                if not stack:
                    return None
                continue
            values[variables[last]] = value
            if all(constraint.holds(values) for constraint in due[last]):
                if last + 1 == len(variables):
                    return values
                stack.append(choices(last + 1))
        return None

    def _improve(
        self,
        constraints: Sequence[Constraint],
        variables: Sequence[Variable],
        start: Mapping[Variable, Number],
        near: Term | None,
    ) -> Values | None:
        """Change one value at a time while that brings the tests nearer: for sums of many reads."""
        values: Values = dict(start)
        for variable in variables:
            if variable not in values:
                values[variable] = candidates(variable, [], {}, self._hints.get(variable.name), near)[0]
        best = _distance(constraints, values)
        tries = 0
        while best > 0:
            broken = next(c for c in constraints if not c.holds(values))
            for variable, value in self._changes(broken.term, values, near):
                tries += 1
                self.tries += 1
                trial = {**values, variable: value}
                distance = _distance(constraints, trial)
                if distance < best:
                    values, best = trial, distance
                    break
            else:
                return None
            if tries > _TRIES:
                return None
        return values

    def _changes(self, term: Term, values: Values, near: Term | None) -> Iterator[tuple[Variable, Number]]:
        for variable in _appearing(term):
            known = {other: value for other, value in values.items() if other != variable}
            for value in candidates(variable, [term], known, self._hints.get(variable.name), near):
                if value != values[variable]:
                    yield variable, value


def conjuncts(constraint: Constraint) -> Iterator[Constraint]:
    """Parts that hold if and only if `constraint` does: the sides of a true "and" or of a false "or"."""
    function, wanted = constraint.term.function, constraint.wanted
    if wanted is not None and function == "not":
        yield from conjuncts(Constraint(constraint.term.args[0], not wanted))
    elif wanted is not None and (function, wanted) in (("and", True), ("or", False)):
        for arg in constraint.term.args:
            yield from conjuncts(Constraint(arg, wanted))
    else:
        yield constraint


def _appearing(term: Term) -> list[Variable]:
    return [part.value for part in term.order() if isinstance(part.value, Variable)]


def _distance(constraints: Sequence[Constraint], values: Mapping[Variable, Number]) -> float:
    """How far `values` are from satisfying `constraints`; 0 where they do."""
    total = 0.0
    for constraint in constraints:
        results = evaluate_all(constraint.term, values)
        if constraint.wanted is not None:
            total += _miss(constraint.term, constraint.wanted, results)
        elif isinstance(results[constraint.term], Undefined):
            total += 1.0
    return total


def _miss(term: Term, wanted: bool, results: Mapping[Term, Number | Undefined]) -> float:
    value = results[term]
    if isinstance(value, Undefined):
        return 1.0
    if bool(value) == wanted:
        return 0.0
    if term.function == "not":
        return _miss(term.args[0], not wanted, results)
    if term.function in ("and", "or"):
        parts = [_miss(arg, wanted, results) for arg in term.args]
        return sum(parts) if (term.function == "and") == wanted else min(parts)
    if term.function in COMPARISONS:
        left, right = (results[arg] for arg in term.args)
        if not isinstance(left, Undefined) and not isinstance(right, Undefined):
            gap = abs(float(left) - float(right))
            return gap if 0 < gap < math.inf else 1.0
    return 1.0
