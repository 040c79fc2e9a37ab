"""Values worth trying for a read: those at which a test may change its outcome, and values around them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping

from adaptc.compiler.ir.evaluate import Number
from adaptc.compiler.verify.precision import around, held
from adaptc.compiler.verify.terms import Term, Undefined, Variable, evaluate

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
_MARGIN = 0.1
_COMMON = (0, 1, -1, 0.5, 2, 3, -2, 10, 100, -100)

Known = Mapping[Variable, Number]


def candidates(
    variable: Variable, tests: Iterable[Term], known: Known, hint: Number | None, near: Term | None = None
) -> list[Number]:
    """Values for `variable`, the ones to prefer first, where `known` gives values of other variables.

    Preferred are the thresholds of the test `near` and their neighbours, if it is given; then `hint` (the
    value seen on the example inputs); then values at a comfortable distance from every threshold of
    `tests`, as arithmetic may follow; then the thresholds themselves. All are numbers that the tensor of the
    read can hold: between a float64 threshold and the float32 numbers on its two sides lies what no data gives.
    """
    if variable.kind == "bool":
        return [True, False] if hint is None or hint else [False, True]
    values: list[Number] = []
    if near is not None and variable in near.variables:
        values += _neighbours(sorted(set(_thresholds(near, variable, known))), variable)
    if hint is not None:
        values.append(hint)
    thresholds = sorted({value for test in tests for value in _thresholds(test, variable, known)})
    if variable.kind == "float":
        values += _comfortable(thresholds)
    values += _neighbours(thresholds, variable)
    values += [int(value) if variable.kind == "int" else float(value) for value in _COMMON]
    if not variable.free and variable.dtype is None:  # a size
        values = [value for value in values if value >= 0]
    possible = (held(value, variable.dtype) for value in values)
    return list(dict.fromkeys(value for value in possible if value is not None))


def _neighbours(thresholds: list[float], variable: Variable) -> list[Number]:
    if variable.kind == "int":
        below = [math.floor(value) for value in thresholds]
        return [value + shift for shift in (0, 1, -1, 2) for value in below]
    return [value for threshold in thresholds for value in around(threshold, variable.dtype)]


def _comfortable(thresholds: list[float]) -> list[float]:
    values = [(low + high) / 2 for low, high in itertools.pairwise(thresholds)]
    for value in thresholds:
        margin = _MARGIN * max(1.0, abs(value))
        if 0 < value < 1:  # often a probability: stay between 0 and 1
            values += [(1 + value) / 2, value / 2]
        values += [value + margin, value - margin]
    return values


def _thresholds(test: Term, variable: Variable, known: Known) -> list[float]:
    """Values of `variable` at which a comparison within `test`, or the truth of a number, may change."""
    if test.variables - {variable} - known.keys():
        # Another variable is open: all that is known are the constants.
        numbers = [t.value for t in test.order() if t.constant and not isinstance(t.value, bool)]
        return _finite(numbers)  # type: ignore[arg-type]
    found: list[float] = []
    for part in test.order():
        if part.function in COMPARISONS and variable in part.variables:
            left, right = part.args
            if variable not in right.variables:
                found += _solve(left, evaluate(right, known), variable, known)
            elif variable not in left.variables:
                found += _solve(right, evaluate(left, known), variable, known)
            else:
                found += _secant(left, right, variable, known)
    if test.function not in COMPARISONS:
        found += _solve(test, 0, variable, known)
    return _finite(found)


def _finite(numbers: Iterable[Number]) -> list[float]:
    return [float(value) for value in numbers if abs(value) < 1e300]


def _solve(term: Term, target: Number | Undefined, variable: Variable, known: Known) -> list[float]:
    """Values of `variable` at which `term` is about `target`."""
    if isinstance(target, Undefined) or variable not in term.variables or not math.isfinite(target):
        return []
    if term.function == "variable":
        return [float(target)]
    carriers = [i for i, arg in enumerate(term.args) if variable in arg.variables]
    if term.function == "select":
        return [v for i in carriers if i > 0 for v in _solve(term.args[i], target, variable, known)]
    if len(carriers) == 2:
        return _secant(term, target, variable, known)
    position = carriers[0]
    other = evaluate(term.args[1 - position], known) if len(term.args) == 2 else 0
    if isinstance(other, Undefined):
        return []
    inner = term.args[position]
    try:
        targets = _invert(term.function, float(target), float(other), position)
    except (ArithmeticError, ValueError):
        return []
    return [value for t in targets for value in _solve(inner, t, variable, known)]


def _invert(function: str, target: float, other: float, position: int) -> list[float]:
    """Values of the operand at `position` for which `function` gives `target`; `other` is the other one."""
    match function:
        case "add":
            return [target - other]
        case "sub":
            return [target + other] if position == 0 else [other - target]
        case "mul":
            return [target / other]
        case "truediv":
            return [target * other] if position == 0 else [other / target]
        case "floordiv" if position == 0:
            return [target * other, (target + 0.5) * other, (target + 1) * other]
        case "mod" if position == 0:
            return [target, target + other, target + 1]
        case "neg":
            return [-target]
        case "abs":
            return [target, -target]
        case "min" | "max" | "float" | "bool":
            return [target]
        case "int" | "trunc" | "floor" | "ceil" | "round":
            return [target, target + 0.5, target - 0.5, target + 1]
        case "pow" if position == 0:
            return [math.pow(target, 1 / other), -math.pow(target, 1 / other)]
        case "sqrt":
            return [target * target]
        case "exp":
            return [math.log(target)]
        case "log":
            return [math.exp(target)]
        case "log2":
            return [2.0**target]
        case "tanh":
            return [math.atanh(target)]
        case "sin":
            return [math.asin(target)]
        case "cos":
            return [math.acos(target)]
        case _:
            return []


def _secant(left: Term, right: Term | Number, variable: Variable, known: Known) -> list[float]:
    """Where the two sides are equal, if their difference is a straight line; a guess otherwise."""

    def difference(at: float) -> float | None:
        values = {**known, variable: int(at) if variable.kind == "int" else at}
        a = evaluate(left, values)
        b = evaluate(right, values) if isinstance(right, Term) else right
        return None if isinstance(a, Undefined) or isinstance(b, Undefined) else float(a) - float(b)

    low, high = difference(1.0), difference(2.0)
    if low is None or high is None or low == high or not math.isfinite(low - high):
        return []
    return [1.0 - low / (high - low)]
