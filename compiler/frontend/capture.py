"""Capture: from a network and example inputs to a Program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, product

import torch

from adaptc.compiler.errors import CompileError, Problem
from adaptc.compiler.frontend.attempt import Attempt, Known, Progress
from adaptc.compiler.frontend.export import Exports
from adaptc.compiler.frontend.lower import Lowerer
from adaptc.compiler.frontend.signals import (
    JoinSite,
    NeedsFixed,
    NeedsInterpretation,
    NeedsRoll,
    NeedsSplit,
    NoSession,
    Refused,
)
from adaptc.compiler.frontend.treatment import TOO_LONG
from adaptc.compiler.frontend.typed import asking
from adaptc.compiler.ir.program import Program
from adaptc.compiler.signature import Bound, apply_dims

MAX_RESTARTS = 200
SESSION_EFFORT = 12
"""The search for sessions may record so many times the torch calls that the capture of one call recorded,"""
LEAST_EFFORT = 10_000
"""or so many, where these are more."""
MAX_FREE = 3
"""Up to so many dimensions, every choice of those that are fixed in a session is tried."""


def capture(
    model: torch.nn.Module,
    bound: Bound,
    dims: Mapping[str, Mapping[int, str]],
    name: str,
    progress: Progress = lambda done, total: None,
    random_seed: int | None = None,
) -> Program:
    """Capture `model`, called as in `bound`, as a program; `dims` names the dimensions that vary, and
    `random_seed` is that of the stream of random numbers, without which none may be drawn.

    Where a call leaves something behind that the next one may read, the program has others with which a session goes
    on (`Program.later`), or says why it has none. The model is left as it was. Raises CompileError with every problem
    found.
    """
    shapes = apply_dims(bound.inputs, dims)
    lowerer, exports = Lowerer(), Exports()

    def attempt(known: Known, session: bool) -> Attempt:
        return Attempt(model, bound, shapes, name, lowerer, exports, known, session)

    known = Known(interpreted=asking(model), random_seed=random_seed)
    program, left_behind = _restarting(attempt, known, False, progress)
    if not left_behind:
        return program
    names = sorted({name for shape in shapes.values() for name in shape if isinstance(name, str)})
    reasons: list[str] = []
    hopeless: set[bool] = set()
    known.most_recorded = known.recorded + max(SESSION_EFFORT * known.recorded, LEAST_EFFORT)
    for growing, fixed in product((True, False), _choices(names)):
        if growing in hopeless:
            continue
        begun = replace(
            known,
            split_sites=known.split_sites.copy(),
            rolled_sites=set(known.rolled_sites),
            fixed=set(fixed),
            growing=growing,
        )
        try:
            program, _ = _restarting(attempt, begun, True, progress)
            reasons.clear()
            break
        except NoSession as no:
            reasons.append(str(no.problem))
            if no.whatever_is_fixed:
                hopeless.add(growing)
        except CompileError as error:
            reasons.append(str(error.problems[0]))
        finally:
            known.recorded = begun.recorded
    program.no_session = "".join(reasons[:1])
    program.notes += [f"{name} is changed by a call: the next call of a session begins with it" for name in left_behind]
    return program


def _choices(dimensions: Sequence[str]) -> list[tuple[str, ...]]:
    """Which dimensions to hold to one size in all calls of a session, in the order to try: as few as can be."""
    if len(dimensions) > MAX_FREE:
        return [(), *((name,) for name in dimensions), tuple(dimensions)]
    return [choice for size in range(len(dimensions) + 1) for choice in combinations(dimensions, size)]


def _restarting(
    attempt: Callable[[Known, bool], Attempt], known: Known, session: bool, progress: Progress
) -> tuple[Program, list[str]]:
    """The program of the first attempt that comes to its end, and what its calls leave behind; `known` grows."""
    for _ in range(MAX_RESTARTS):
        current = attempt(known, session)
        changing = set(known.changing)
        try:
            program = current.run(progress)
            if known.changing == changing:
                return program, list(current.left_behind)
        except NeedsInterpretation as need:
            known.interpreted.update(need.codes)
        except NeedsSplit as need:
            if need.site in known.split_sites:
                raise CompileError([*current.problems, _unsplittable(need.site)]) from need
            known.split_sites.update((need.site, *need.also))
            known.deferred += need.problems
        except NeedsRoll as need:
            known.rolled_sites.add(need.site)
        except NeedsFixed as need:
            if need.dimension in known.fixed:
                raise
            known.fixed.add(need.dimension)
        except Refused as refusal:
            raise CompileError([*current.problems, refusal.problem]) from refusal
        except CompileError as error:
            deferred = [*known.deferred, *(current.machine.deferred if current.machine is not None else ())]
            if not deferred or all(problem.found != TOO_LONG for problem in error.problems):
                raise
            # the loop is only unrolled because of these
            others = [problem for problem in error.problems if problem.found != TOO_LONG]
            raise CompileError(list(dict.fromkeys([*deferred, *others]))) from error
    raise CompileError(
        [Problem("", 0, f"the capture was restarted {MAX_RESTARTS} times", "too many functions test data", "")]
    )


def _unsplittable(site: JoinSite) -> Problem:
    file, _, line, *_ = site.frames[-1]
    return Problem(
        file,
        line,
        "ways through this function cannot be kept apart",
        "a number or tensor that differs between them is needed as a plain Python value",
        "decide once and use the decision, or compute with tensors",
    )
