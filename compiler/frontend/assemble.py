"""From drafts to the IR: values that cross blocks become block arguments, tapes become code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adaptc.compiler.errors import CompileError
from adaptc.compiler.frontend import sessions
from adaptc.compiler.frontend.draft import (
    Arm,
    BranchEnd,
    Draft,
    DrawStep,
    HostExpr,
    JumpEnd,
    LetStep,
    Operand,
    RaiseEnd,
    ReadStep,
    ReturnEnd,
    SizeStep,
    SwitchEnd,
    Value,
)
from adaptc.compiler.frontend.export import Exporter, Lowered
from adaptc.compiler.ir.host_types import dtype_name, value_spec
from adaptc.compiler.ir.program import Block, Output, Param, ScalarType, Terminator, Type
from adaptc.runtime.hostprogram import Branch, Draw, Edge, Expr, Jump, Let, Raise, Read, Ref, Return, Size, Switch


def reachable(entry: Draft) -> list[Draft]:
    """The drafts that can be reached, each before the ones it leads to where there are no loops."""
    order: list[Draft] = []
    seen: set[int] = set()
    stack: list[tuple[Draft, int]] = [(entry, 0)]
    seen.add(id(entry))
    while stack:
        draft, position = stack.pop()
        arms = draft.arms
        if position == len(arms):
            order.append(draft)
            continue
        stack.append((draft, position + 1))
        successor = arms[position].draft
        if id(successor) not in seen:
            seen.add(id(successor))
            stack.append((successor, 0))
    return order[::-1]


def _uses(operand: Operand) -> tuple[Value, ...]:
    return operand.uses if isinstance(operand, HostExpr) else (operand,)


def _end_uses(draft: Draft) -> list[Value]:
    """Values that a draft's end reads."""
    used: list[Value] = []
    match draft.end:
        case BranchEnd(test=test):
            used += test.uses
        case SwitchEnd(index=index):
            used += index.uses
        case ReturnEnd(outputs=outputs):
            for output in outputs:
                used += _uses(output)
    for arm in draft.arms:
        for operand in arm.args.values():
            used += _uses(operand)
    return used


class Assembly:
    """Builds the blocks of a program from its drafts."""

    def __init__(self, entry: Draft, exporter: Exporter, progress: Callable[[int, int], None]) -> None:
        sessions.begin_in_common(reachable(entry), len(entry.params))
        self.entry = entry
        self.exporter = exporter
        self.progress = progress
        self.drafts = reachable(entry)
        self.lowered: dict[int, Lowered | None] = {}
        self.live: dict[int, dict[Value, None]] = {}

    def entries(self) -> list[str]:
        """The names of the blocks that calls begin with: the first call, then those of a session."""
        names = self._names()
        return [names[id(draft)] for draft in (self.entry, *sessions.resumed(self.drafts))]

    def blocks(self) -> list[Block]:
        """The blocks, the entry first. Raises CompileError with all code that cannot be exported."""
        self._find_live()
        names = self._names()
        for index, draft in enumerate(self.drafts):
            wanted = self._wanted_slots(draft)
            self.lowered[id(draft)] = self.exporter.lower(draft, list(wanted), f"code_{names[id(draft)]}")
            self.progress(index + 1, len(self.drafts))
        if self.exporter.problems:
            raise CompileError(self.exporter.problems)
        return [self._block(draft, names) for draft in self.drafts]

    def _names(self) -> dict[int, str]:
        return {id(draft): f"b{index}" for index, draft in enumerate(self.drafts)}

    def _outside(self, draft: Draft) -> list[Value]:
        """Values that a draft's tape, steps and end read and that are not weights."""
        used: list[Value] = [value for value in draft.inputs.values() if value.weight is None]
        used += self.exporter.scalars(draft)
        for step in draft.steps:
            used += step.expr.uses if isinstance(step, LetStep) else ()
            if isinstance(step, DrawStep):
                used += [value for expr in (*step.shape, *step.args) for value in expr.uses]
        used += [value for value in _end_uses(draft) if value.weight is None]
        return used

    def _find_live(self) -> None:
        """Which values from other drafts each draft needs for itself and for what comes after it."""
        self.live = {id(draft): {} for draft in self.drafts}
        changed = True
        while changed:
            changed = False
            for draft in reversed(self.drafts):
                needed: dict[Value, None] = {}
                for value in self._outside(draft):
                    if value.draft is not draft:
                        needed[value] = None
                for arm in draft.arms:
                    for value in self.live[id(arm.draft)]:
                        if value.draft is not draft:
                            needed[value] = None
                if len(needed) != len(self.live[id(draft)]):
                    self.live[id(draft)] = needed
                    changed = True

    def _wanted_slots(self, draft: Draft) -> dict[int, None]:
        """Slots whose tensors leave the draft's code: for later blocks, for the host, for the end."""
        wanted: dict[int, None] = {}

        def want(value: Value) -> None:
            if value.draft is draft and value.slot >= 0 and value not in draft.params:
                wanted[value.slot] = None

        for step in draft.steps:
            if isinstance(step, ReadStep | SizeStep) and step.slot not in draft.inputs:
                wanted[step.slot] = None
        for value in _end_uses(draft):
            want(value)
        for arm in draft.arms:
            for value in self.live[id(arm.draft)]:
                want(value)
        return wanted

    def _type(self, value: Value) -> Type:
        if value.kind is not None:
            return ScalarType(value.kind)
        assert value.fake is not None
        return self.exporter.tensor_type(value.fake)

    def _block(self, draft: Draft, names: dict[int, str]) -> Block:
        params = [*draft.params, *self.live[id(draft)]]
        lowered = self.lowered[id(draft)]
        by_slot = {slot: value.name for slot, value in draft.inputs.items()}
        outputs: list[Output] = []
        wanted = list(self._wanted_slots(draft))
        slot_values = {value.slot: value.name for value in self._defined(draft) if value.slot >= 0}
        if lowered is not None:
            for slot, kind in zip(wanted, lowered.code.outputs, strict=True):
                by_slot[slot] = slot_values.get(slot, f"t{draft.index}_{slot}")
                outputs.append(Output(by_slot[slot], kind))
        steps: list[Let | Read | Draw] = []
        for step in draft.steps:
            if isinstance(step, ReadStep):
                assert step.value.kind is not None
                steps.append(Read(step.value.name, by_slot[step.slot], step.value.kind, step.loc))
            elif isinstance(step, LetStep):
                steps.append(Let(step.value.name, step.expr.expr, step.loc))
            elif isinstance(step, DrawStep):
                assert step.value.fake is not None
                shape, args = (tuple(expr.expr for expr in exprs) for exprs in (step.shape, step.args))
                dtype = dtype_name(step.value.fake.dtype)
                steps.append(Draw(step.value.name, step.kind, shape, dtype, args, step.loc))
            else:
                steps.append(Let(step.value.name, Size(by_slot[step.slot], step.dim), step.loc))
        return Block(
            names[id(draft)],
            [Param(value.name, self._type(value)) for value in params],
            None if lowered is None else lowered.code,
            [] if lowered is None else [value.name for value in lowered.inputs],
            [] if lowered is None else list(lowered.weights),
            outputs,
            steps,
            self._terminator(draft, names),
            draft.loc,
        )

    def _defined(self, draft: Draft) -> list[Value]:
        """Values of this draft that are used anywhere."""
        used = dict.fromkeys(_end_uses(draft))
        for arm in draft.arms:
            used.update(self.live[id(arm.draft)])
        return [value for value in used if value.draft is draft and value not in draft.params]

    def _edge(self, arm: Arm, names: dict[int, str]) -> Edge:
        args: list[Expr] = [self._expr(arm.args[param]) for param in arm.draft.params]
        args += [Ref(value.name) for value in self.live[id(arm.draft)]]
        return Edge(names[id(arm.draft)], tuple(args))

    @staticmethod
    def _expr(operand: Operand) -> Expr:
        return operand.expr if isinstance(operand, HostExpr) else Ref(operand.name)

    def _terminator(self, draft: Draft, names: dict[int, str]) -> Terminator:
        match draft.end:
            case JumpEnd(to=arm):
                return Jump(self._edge(arm, names))
            case BranchEnd(test=test, then=then, orelse=orelse, loc=loc):
                return Branch(test.expr, self._edge(then, names), self._edge(orelse, names), loc)
            case SwitchEnd(index=index, keys=keys, arms=arms, default=default, loc=loc):
                edges = tuple(self._edge(arm, names) for arm in arms)
                return Switch(index.expr, keys, edges, self._edge(default, names), loc)
            case ReturnEnd(outputs=outputs, specs=specs, tree=tree, loc=loc, resume=resume):
                given = [self._expr(output) for output in outputs]
                if resume is None:
                    return Return(tuple(given), tuple(specs), tree, loc)
                params = [param for param in resume.draft.params if param in resume.args]
                state = list(self.live[id(resume.draft)])
                given += [*(self._expr(resume.args[param]) for param in params), *(Ref(value.name) for value in state)]
                kinds = [*specs, *(value_spec(self._type(value)) for value in (*params, *state))]
                number = sessions.resumed(self.drafts).index(resume.draft)
                return Return(tuple(given), tuple(kinds), tree, loc, number)
            case RaiseEnd(exception=exception, message=message, loc=loc):
                return Raise(exception, message, loc)
        raise AssertionError(f"draft {draft.index} has no end")


def weight_names(blocks: Sequence[Block]) -> list[str]:
    """Names of the weights that blocks use, each once."""
    return list(dict.fromkeys(name for block in blocks for name in block.weights))
