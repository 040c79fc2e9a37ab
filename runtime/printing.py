"""Prints structured statements as Python lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from adaptc.runtime.expressions import text_of
from adaptc.runtime.flowgraph import FlowGraph
from adaptc.runtime.hostprogram import Branch, Expr, HostProgram, Raise, Return, Switch, draws, names_in
from adaptc.runtime.identifiers import name_values
from adaptc.runtime.kinds import ScalarKind, infer_kinds, kind_of
from adaptc.runtime.manifest import TensorSpec, Unit
from adaptc.runtime.moves import move_lines
from adaptc.runtime.placement import Limits
from adaptc.runtime.statements import (
    Break,
    Case,
    Continue,
    Enter,
    Finish,
    Goto,
    If,
    Leave,
    Loop,
    Move,
    OnLabel,
    Part,
    SetLabel,
    Statement,
    Steps,
    completes,
)
from adaptc.runtime.steps import StepPrinter
from adaptc.runtime.structuring import structure

RESERVED = ("np", "math", "host", "probe", "stream", "NetworkError", "leave", "exit_taken", "values", "case")
"""Names that the source uses itself."""

Lines = list[tuple[int, str]]
"""Lines with their levels of indentation."""


class HostPrinter:
    """Prints a host program as the function ``host`` and its parts. Subclasses change single statements."""

    def __init__(
        self,
        program: HostProgram,
        units: Sequence[Unit],
        inputs: tuple[TensorSpec, ...],
        unit_names: Mapping[str, str],
        limits: Limits,
    ) -> None:
        self.program = program
        self.limits = limits
        self.draws = draws(program)
        self.index = {block.name: i for i, block in enumerate(program.blocks)}
        self.body, self.parts = structure(program, limits)
        table = {unit.name: unit for unit in units}
        reserved = frozenset((*RESERVED, *unit_names.values(), *(part.name for part in self.parts)))
        self.names = name_values(program, FlowGraph(program), reserved)
        self.kinds = infer_kinds(program, table, inputs)
        self.steps = StepPrinter(program, table, unit_names, self.kinds)
        self.part: Part | None = None

    def source(self) -> str:
        """The text of all functions."""
        return "\n".join(f"{'    ' * level}{text}" for level, text in self.functions(0)) + "\n"

    def functions(self, level: int) -> Lines:
        """The lines of the parts and of ``host``."""
        lines: Lines = []
        for part in self.parts:
            self.part = part
            lines += [(level, f"def {part.name}({', '.join(self.arguments(part.root))}):")]
            lines += self.suite(part.body, level + 1, end=self.end_of(part))
            lines += [(level, "")]
        self.part = None
        lines += [(level, f"def {self.head()}:"), *self.first_lines(level + 1)]
        return lines + self.suite(self.body, level + 1)

    def first_lines(self, level: int) -> Lines:
        """What the main function begins with."""
        return []

    def head(self) -> str:
        """The name and parameters of the main function."""
        return f"host({', '.join(self.arguments(self.index[self.program.entry]))})"

    def arguments(self, root: int) -> list[str]:
        """What a function takes that begins with the block `root`."""
        return [*(["stream"] if self.draws else []), *self.parameters(root)]

    def parameters(self, block: int) -> list[str]:
        return [self.names[block][param] for param in self.program.blocks[block].params]

    def suite(self, statements: list[Statement], level: int, end: str | None = None) -> Lines:
        """An indented block; `end` is a line to add where control comes out at its end."""
        lines = self.lines(statements, level)
        if end is not None and completes(statements):
            lines.append((level, end))
        return lines or [(level, "pass")]

    def lines(self, statements: Iterable[Statement], level: int) -> Lines:
        lines: Lines = []
        for statement in statements:
            lines += self.statement(statement, level)
        return lines

    def statement(self, statement: Statement, level: int) -> Lines:
        match statement:
            case Steps(block=block):
                return [(level, text) for text in self.block_steps(block)]
            case Move(source=source, edge=edge):
                texts = [self.text(arg, source) for arg in edge.args]
                reads = [self.identifiers_in(arg, source) for arg in edge.args]
                return [(level, line) for line in move_lines(self.parameters(self.index[edge.block]), texts, reads)]
            case If():
                return self.if_lines(statement, level)
            case Case(block=block, arms=arms, default=default):
                return self.case_lines(block, arms, default, level)
            case Loop(header=header, body=body, resets_label=resets_label):
                reset: Lines = [(level, "leave = 0")] if resets_label else []
                end = "break" if header is None else None
                most = self.limits.iterations
                if header is None or most is None:
                    return [*reset, (level, "while True:"), *self.suite(body, level + 1, end)]
                first = self.program.blocks[header]
                loc = first.terminator.loc if isinstance(first.terminator, Branch | Switch) else ""
                place = loc or f"block {first.name!r}"
                text = f"the loop at {place} took more than {most} iterations (max_iterations)"
                head = (level, f"for _ in range({most}):")
                tail = [(level, "else:"), (level + 1, f"raise LoopError({text!a})")]
                return [*reset, head, *self.suite(body, level + 1, end), *tail]
            case Break():
                return [(level, "break")]
            case Continue():
                return [(level, "continue")]
            case SetLabel(target=target):
                return [(level, f"leave = {target + 1}")]
            case OnLabel(target=target, jump=jump):
                return [(level, f"if leave == {target + 1}:"), *self.suite(jump, level + 1)]
            case Leave(target=target):
                assert self.part is not None, "only parts are left in this way"
                return [(level, self.leave(self.part, target))]
            case Finish(block=block):
                return [(level, self.finish(block))]
            case Enter(part=part, arms=exits):
                return self.enter_lines(part, exits, level)
            case Goto(target=target):
                raise AssertionError(f"the jump to block {target} is not resolved")

    def block_steps(self, block: int) -> list[str]:
        return self.steps.lines(block, self.names[block])

    def if_lines(self, statement: If, level: int) -> Lines:
        then, orelse = self.lines(statement.then, level + 1), self.lines(statement.orelse, level + 1)
        test, comment = self.test(statement.block), self.comment(statement.block)
        if orelse and not then:
            return [(level, f"if not ({test}):{comment}"), *orelse]
        head: Lines = [(level, f"if {test}:{comment}"), *(then or [(level + 1, "pass")])]
        if not orelse:
            return head
        if orelse[0][1].startswith("if ") and _is_one_if(orelse):
            chained = [(inner - 1, text) for inner, text in orelse]
            return [*head, (level, f"el{chained[0][1]}"), *chained[1:]]
        return [*head, (level, "else:"), *orelse]

    def case_lines(
        self, block: int, arms: list[tuple[int, list[Statement]]], default: list[Statement], level: int
    ) -> Lines:
        terminator = self.program.blocks[block].terminator
        assert isinstance(terminator, Switch)
        lines: Lines = [(level, f"case = {self.case(block)}{self.comment(block)}")]
        ordered = sorted(arms, key=lambda arm: arm[0]) if len(arms) > self.limits.wide_switch else arms
        return lines + self.search_lines(ordered, default, level)

    def search_lines(self, arms: list[tuple[int, list[Statement]]], default: list[Statement], level: int) -> Lines:
        """Tests one after the other, or by halves where there are many."""
        if len(arms) > self.limits.wide_switch:
            half = len(arms) // 2
            return [
                (level, f"if case < {int(arms[half][0])}:"),
                *self.search_lines(arms[:half], default, level + 1),
                (level, "else:"),
                *self.search_lines(arms[half:], default, level + 1),
            ]
        lines: Lines = []
        for place, (key, arm) in enumerate(arms):
            lines.append((level, f"{'elif' if place else 'if'} case == {int(key)}:"))
            lines += self.suite(arm, level + 1)
        otherwise = self.lines(default, level + 1 if arms else level)
        return [*lines, *([(level, "else:")] if arms and otherwise else []), *otherwise]

    def enter_lines(self, part: Part, arms: list[list[Statement]], level: int) -> Lines:
        call = f"{part.name}({', '.join(self.arguments(part.root))})"
        if not part.exits:
            return [(level, self.return_line(call))]
        if len(part.exits) == 1 and not part.returns:
            return [(level, self.unpack(part.exits[0], call)), *self.lines(arms[0], level)]
        lines: Lines = [(level, f"exit_taken, values = {call}")]
        if part.returns:
            lines += [(level, "if exit_taken == 0:"), (level + 1, self.return_line("values"))]
        for number, (target, arm) in enumerate(zip(part.exits, arms), start=1):
            tested = part.returns or number > 1
            lines.append((level, f"{'elif' if tested else 'if'} exit_taken == {number}:"))
            lines += [(level + 1, self.unpack(target, "values")), *self.lines(arm, level + 1)]
        return lines

    def unpack(self, target: int, value: str) -> str:
        """Set the parameters of `target` from what a part returned."""
        names = self.parameters(target)
        return f"{', '.join(names)} = {value}" if names else value

    def end_of(self, part: Part) -> str | None:
        """The last line of a part whose code comes out at its end."""
        return None if part.follow is None else self.leave(part, part.follow)

    def leave(self, part: Part, target: int) -> str:
        """The return from a part to what its caller does at the exit to `target`."""
        names = self.parameters(target)
        values = f"({', '.join(names)})" if names else "None"
        if len(part.exits) == 1 and not part.returns:
            return f"return {values}"
        return f"return {part.exits.index(target) + 1}, {values}"

    def finish(self, block: int) -> str:
        terminator = self.program.blocks[block].terminator
        if isinstance(terminator, Raise):
            details = (terminator.exception, terminator.message, terminator.loc)
            return f"raise NetworkError({', '.join(map(ascii, details))})"
        assert isinstance(terminator, Return)
        outputs = []
        for expr, spec in zip(terminator.outputs, terminator.specs):
            text = self.text(expr, block)
            scalar = isinstance(kind_of(expr, self.kinds[self.program.blocks[block].name]), ScalarKind)
            outputs.append(self.steps.array(text, spec.dtype) if scalar and spec.shape is not None else text)
        return self.return_line(self.returned(block, outputs)) + self.comment(block)

    def returned(self, block: int, outputs: list[str]) -> str:
        """What the main function gives back at the return of `block`."""
        return f"({block}, {tuple_text(outputs)})"

    def return_line(self, value: str) -> str:
        """The return of the network's call; a part that has exits too marks it with 0."""
        marked = self.part is not None and self.part.exits
        return f"return 0, {value}" if marked else f"return {value}"

    def test(self, block: int) -> str:
        terminator = self.program.blocks[block].terminator
        assert isinstance(terminator, Branch)
        return self.text(terminator.test, block)

    def case(self, block: int) -> str:
        terminator = self.program.blocks[block].terminator
        assert isinstance(terminator, Switch)
        return self.text(terminator.index, block)

    def comment(self, block: int) -> str:
        """What stands behind the line of a terminator."""
        return ""

    def text(self, expr: Expr, block: int) -> str:
        return text_of(expr, self.names[block])

    def identifiers_in(self, expr: Expr, block: int) -> frozenset[str]:
        return frozenset(self.names[block][name] for name in names_in(expr))


def tuple_text(items: Sequence[str]) -> str:
    """The text of a tuple of expressions."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _is_one_if(lines: Lines) -> bool:
    """Whether `lines` are one `if` with its `elif` and `else`."""
    level = lines[0][0]
    return all(text.startswith(("elif ", "else:")) for inner, text in lines[1:] if inner == level)
