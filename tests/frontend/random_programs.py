"""Random small functions as source text: branches, loops, exceptions, closures and comprehensions over integers."""

from __future__ import annotations

from random import Random

VARIABLES = ("a", "b", "c", "x", "y")
ERRORS = ("ValueError", "KeyError", "ZeroDivisionError", "NameError", "Exception")

HEADER = """\
def say(value):
    LOG.append(text(value))
    return value

def text(value):
    if isinstance(value, NameError):  # Python 3.11 has another one for variables of comprehensions
        return "NameError"
    return type(value).__name__ if isinstance(value, TypeError) else repr(value)

def fail(value):
    if value:
        raise (ValueError, KeyError)[value % 2](value)

def consume(generator):
    total = next(generator)
    while True:
        try:
            say(generator.send(total))
            total = say(generator.throw(ValueError(total)))
        except StopIteration as stop:
            return stop.value if isinstance(stop.value, int) else 3

class Manager:
    def __init__(self, swallows):
        self.swallows = swallows
    def __enter__(self):
        LOG.append("enter")
        return 1
    def __exit__(self, kind, error, traceback):
        LOG.append(("exit", text(error)))
        return self.swallows

"""


class Writer:
    """Draws statements and expressions and writes them down."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.lines: list[str] = []
        self.counters = 0
        self.handling = False  # whether a bare `raise` is allowed
        self.yields = False

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def name(self) -> str:
        return self.random.choice(VARIABLES)

    def expression(self, depth: int = 2, iterable: bool = False) -> str:
        """An expression; one that is no `iterable` of a comprehension may contain ``:=``."""
        choose, name = self.random.choice, self.name()

        def inner(iterable: bool = iterable) -> str:
            return self.expression(depth - 1, iterable)

        kind = self.random.randrange(16) if depth > 0 else 0
        if kind < 3:
            return choose([*VARIABLES, "0", "1", "2", "-1"])
        if kind < 5:
            return f"({inner()} {choose(['+', '-', '&', '//', '%'])} {inner()})"
        if kind == 5:
            return f"({inner()} {choose(['<', '==', '>=', '!='])} {inner()})"
        if kind == 6:
            return f"({inner()} < {inner()} <= {inner()})"
        if kind == 7:
            return f"({inner()} {choose(['and', 'or'])} {inner()})"
        if kind == 8:
            return f"(not {inner()})"
        if kind == 9:
            return f"({inner()} if {inner()} else {inner()})"
        if kind == 10:
            return f"say({inner()})"
        if kind == 11:
            return f"sum([{inner()} for {name} in range({inner(True)} % 3) if {inner()}])"
        if kind == 12:
            return f"[(lambda: {inner()}) for {name} in range(2)][{inner()} % 2]()"
        if kind == 13:
            return f"(lambda {name}={inner()}: {inner()})()"
        if kind == 14 and not iterable:
            return f"({name} := {inner()})"
        return f"sum({inner()} for {name} in [{inner(True)}, {inner(True)}])"

    def block(self, indent: int, depth: int, loop: bool) -> None:
        for _ in range(self.random.randint(1, 3)):
            self.statement(indent, depth, loop)

    def statement(self, indent: int, depth: int, loop: bool) -> None:
        kind = self.random.randrange(21 if depth > 0 else 10)
        if kind < 3:
            self.line(indent, f"{self.name()} = {self.expression()}")
        elif kind == 3:
            self.line(indent, f"{self.name()} {self.random.choice(['+=', '-='])} {self.expression()}")
        elif kind == 4:
            self.line(indent, f"{self.name()}, {self.name()} = {self.expression()}, {self.expression()}")
        elif kind == 5:
            self.line(
                indent,
                f"{self.name()} = yield {self.expression()}" if self.yields else f"say({self.expression()})",
            )
        elif kind == 6:
            self.line(indent, f"fail({self.expression()})")
        elif kind == 7:
            choices = ["del {0}", "return text({1})", "assert {1}, text({0})", *["raise"] * self.handling]
            self.line(indent, self.random.choice(choices).format(self.name(), self.expression()))
        elif kind in (8, 9):
            self.line(indent, self.random.choice(["break", "continue"]) if loop else "pass")
        elif kind in (10, 11):
            self.line(indent, f"if {self.expression()}:")
            self.block(indent + 1, depth - 1, loop)
            if self.random.random() < 0.5:
                self.line(indent, "else:")
                self.block(indent + 1, depth - 1, loop)
        elif kind in (12, 13):
            self.loop(indent, depth)
            if self.random.random() < 0.5:
                self.line(indent, "else:")
                self.block(indent + 1, depth - 1, loop)
        elif kind in (14, 15, 16):
            self.protected(indent, depth, loop)
        elif kind == 17:
            target = self.random.choice(["", f" as {self.name()}"])
            self.line(indent, f"with Manager({self.expression()}){target}:")
            self.block(indent + 1, depth - 1, loop)
        elif kind in (18, 19):
            self.function(indent, depth, kind == 19)
        else:
            self.line(indent, f"match {self.expression()}:")
            self.line(indent + 1, f"case 0 | 1 if {self.expression()}:")
            self.block(indent + 2, depth - 1, loop)
            self.line(indent + 1, f"case int({self.name()}):")
            self.block(indent + 2, depth - 1, loop)

    def loop(self, indent: int, depth: int) -> None:
        if self.random.random() < 0.5:
            self.line(indent, f"for {self.name()} in range({self.random.randint(0, 3)}):")
            self.block(indent + 1, depth - 1, True)
            return
        self.counters += 1
        counter = f"k{self.counters}"
        test = self.random.choice(["True", self.expression()])
        self.line(indent, f"{counter} = 0")
        self.line(indent, f"while {test}:")
        self.line(indent + 1, f"{counter} += 1")
        self.line(indent + 1, f"if {counter} > 3: break")
        self.block(indent + 1, depth - 1, True)

    def function(self, indent: int, depth: int, yields: bool) -> None:
        self.counters += 1
        name, parameter, function = self.name(), self.name(), f"f{self.counters}"
        self.line(indent, f"def {function}({parameter}={self.expression()}):")
        if parameter != "a" and self.random.random() < 0.3:
            self.line(indent + 1, "nonlocal a")
        outer = self.handling, self.yields
        self.handling, self.yields = False, yields
        if yields:
            self.line(indent + 1, f"yield {self.expression()}")
        self.block(indent + 1, depth - 1, False)
        self.handling, self.yields = outer
        self.line(indent, f"{name} = " + (f"consume({function}())" if yields else f"{function}()"))

    def protected(self, indent: int, depth: int, loop: bool) -> None:
        self.line(indent, "try:")
        self.block(indent + 1, depth - 1, loop)
        clauses = self.random.randint(0, 2)
        for _ in range(clauses):
            target = self.random.choice(["", f" as {self.name()}"])
            self.line(indent, f"except {self.random.choice(ERRORS)}{target}:")
            outer, self.handling = self.handling, True
            self.block(indent + 1, depth - 1, loop)
            self.handling = outer
        if clauses and self.random.random() < 0.5:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, loop)
        if not clauses or self.random.random() < 0.5:
            self.line(indent, "finally:")
            self.block(indent + 1, depth - 1, loop)


def program(seed: int) -> str | None:
    """The text of a module with a function ``f(a, b)``, None where Python would not compile it."""
    writer = Writer(seed)
    writer.line(0, "def f(a, b):")
    for _ in range(writer.random.randint(1, 4)):
        writer.statement(1, 3, False)
    writer.line(1, "return tuple(map(text, (a, b, x, y)))")
    source = HEADER + "\n".join(writer.lines) + "\n"
    try:
        compile(source, "<random program>", "exec")
    except SyntaxError:  # a `:=` that rebinds the variable of a comprehension around it
        return None
    return source
