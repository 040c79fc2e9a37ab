"""Where the calls of a session begin: the drafts that take a call's inputs and what the call before left behind.

Every return of a call is followed by a draft of its own for the next one. Most of these only pass on what they get to
a draft that all calls have in common, the header of the loop over calls: that one takes the inputs itself then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adaptc.compiler.frontend.draft import Arm, Draft, HostExpr, JumpEnd, Operand, ReturnEnd, SizeStep, Value
from adaptc.compiler.ir.expressions import substitute
from adaptc.runtime.hostprogram import Ref


def resumed(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts that calls after the first begin with, each once."""
    ends = [draft.end for draft in drafts]
    return list(
        dict.fromkeys(end.resume.draft for end in ends if isinstance(end, ReturnEnd) and end.resume is not None)
    )


def begin_in_common(drafts: Sequence[Draft], inputs: int) -> None:
    """Let calls begin with the draft that they have in common, where what stands before it only passes values on.

    The first parameters of a draft that a call begins with are its `inputs`.
    """
    places: dict[int, tuple[int, ...]] = {}
    for draft in drafts:
        end = draft.end
        if not isinstance(end, ReturnEnd) or end.resume is None:
            continue
        before = end.resume.draft
        arm = _through(before)
        found = None if arm is None else _input_places(before, arm, inputs)
        if arm is None or found is None or places.setdefault(id(arm.draft), found) != found:
            continue
        given = [operand for place, operand in enumerate(_given(arm)) if place not in found]
        if any(value.draft is before for operand in given for value in _uses(operand)):
            continue
        state = [param for place, param in enumerate(arm.draft.params) if place not in found]
        end.resume = Arm(arm.draft, dict(zip(state, given, strict=True)))
    for draft in resumed(drafts):
        if id(draft) in places:
            first = [draft.params[place] for place in places[id(draft)]]
            draft.params = [*first, *(param for param in draft.params if param not in first)]


def _through(draft: Draft) -> Arm | None:
    """The edge to the first draft after `draft` that does more than to go on, in terms of values before that."""
    arm: Arm | None = None
    known: dict[Value, Operand] = {}
    while (following := _passing(draft)) is not None and not _is_in_loop(following.draft):
        args = {param: _in_terms_of(operand, known) for param, operand in following.args.items()}
        arm, draft, known = Arm(following.draft, args), following.draft, args
    return arm


def _is_in_loop(draft: Draft) -> bool:
    """Whether a call can come to `draft` again: then it cannot begin with it."""
    seen: set[int] = set()
    waiting = [draft]
    while waiting:
        current = waiting.pop()
        for arm in () if isinstance(current.end, ReturnEnd) else current.arms:
            if arm.draft is draft:
                return True
            if id(arm.draft) not in seen:
                seen.add(id(arm.draft))
                waiting.append(arm.draft)
    return False


def _passing(draft: Draft) -> Arm | None:
    """The edge out of a draft that does nothing but to go on."""
    idle = not draft.ops and not draft.preamble and all(isinstance(step, SizeStep) for step in draft.steps)
    return draft.end.to if idle and isinstance(draft.end, JumpEnd) else None


def _in_terms_of(operand: Operand, known: Mapping[Value, Operand]) -> Operand:
    """`operand`, in which what `known` has stands for the parameters of a draft that only passes them on."""
    if isinstance(operand, Value):
        return known.get(operand, operand)
    if not any(value in known for value in operand.uses):
        return operand
    given = {value.name: known.get(value, value) for value in operand.uses}
    exprs = {name: one.expr if isinstance(one, HostExpr) else Ref(one.name) for name, one in given.items()}
    uses = dict.fromkeys(value for one in given.values() for value in _uses(one))
    return HostExpr(substitute(operand.expr, exprs), tuple(uses))


def _given(arm: Arm) -> list[Operand]:
    return [arm.args[param] for param in arm.draft.params]


def _input_places(before: Draft, arm: Arm, inputs: int) -> tuple[int, ...] | None:
    """Where the parameters of `before` stand among those of the draft that follows, if each stands there once."""
    found = []
    for value in before.params[:inputs]:
        places = [place for place, operand in enumerate(_given(arm)) if operand is value]
        if len(places) != 1:
            return None
        found += places
    return tuple(found)


def _uses(operand: Operand) -> tuple[Value, ...]:
    return operand.uses if isinstance(operand, HostExpr) else (operand,)
