"""Random expressions over the variables of a random network's functions."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from .texts import VARIABLES


@dataclass
class Expressions:
    """Draws the expressions of one program."""

    random: Random
    lines: list[str] = field(default_factory=list)
    tests: int = 14
    """How many tests on data may still be written; each loop around one counts it once per iteration."""
    inside_loops: int = 1
    loops: int = 0
    functions: int = 0
    method: bool = False
    """Whether `self` is there."""

    def line(self, indent: int, text: str) -> None:
        self.lines.append("    " * indent + text)

    def choose(self, *options: str) -> str:
        return self.random.choice(options)

    def one(self, kind: str) -> str:
        """A variable of a kind."""
        return self.random.choice(VARIABLES[kind])

    def vector(self, depth: int = 2) -> str:
        """An expression for a tensor of four floats, of moderate size."""
        a = self.one("vector")
        if depth <= 0 or self.random.random() < 0.25:
            return a
        b = self.vector(depth - 1)
        options = [
            f"{a} + {b} * 0.5",
            f"torch.tanh({a} * {b})",
            f"torch.where({a} > {b}, {a}, {b} * 0.5)",
            f"({b}).clamp(-2, 2)",
            f"-{a}",
            f"{a}.flip(0)",
            f"{self.one('list')}[0]",
            f"{self.one('list')}[-1]",
            f"d0[{self.choose('p', 'q')!r}]",
            f"{self.one('box')}.a",
            f"{a} * s0.clamp(-1, 1)",
            f"{a} + {self.integer(1)} % 3",
            f"({a} * {self.float(1)}).clamp(-3, 3)",
            f"torch.cat([{a}[:2], {self.one('vector')}[2:]])",
            f"torch.stack([{a}, {self.one('vector')}]).mean(0)",
            f"{self.one('matrix')}[{self.choose('0', '1', '-1')}]",
            f"{self.one('matrix')}.sum(0).clamp(-3, 3)",
            f"{self.one('matrix')}.view(-1)[2:6]",
            f"{self.one('matrix')}.t().reshape(8)[:4]",
            f"{a}.view(2, 2).t().reshape(4)",
            f"{a}.clone()",
            f"torch.cat(list({self.one('matrix')}.unbind(0)))[::2]",
            f"torch.cat(torch.chunk({a}, 2)[::-1])",
            f"(n0 if n0 is not None else {a})",
            f"sum({self.one('list')}).clamp(-3, 3)",
        ]
        if self.method:
            options += [f"self.layers[{self.choose('0', '1', '2')}]({a}).clamp(-2, 2)", f"{a} * self.scale",
                        f"{a} + self.weight", f"(self.kept if self.kept is not None else {a})",
                        f"self.layers[{self.integer(1)} % 3]({a}).clamp(-2, 2)"]  # fmt: skip
        for number in range(self.functions):
            options.append(f"helper{number}({a}, {self.one('matrix')}, {self.integer(1)} % 4)[0]")
        if self.may_test():
            options += [
                f"({a} if {self.test(depth - 1)} else {b})",
                f"max({self.one('list')}, key=lambda t: t.sum())",
                f"sorted([{a}, {b}], key=lambda t: t[0].item())[0]",
                f"next((t for t in {self.one('list')} if t.sum() > 0.2), {a})",
            ]
        return self.choose(*options)

    def integer(self, depth: int = 2) -> str:
        """An expression for a Python int."""
        a = self.one("int")
        if depth <= 0 or self.random.random() < 0.3:
            return self.choose(a, "1", "2")
        b = self.integer(depth - 1)
        return self.choose(
            f"({a} + {b})",
            f"({a} - {b})",
            f"({a} // 2)",
            f"({a} % 3)",
            f"abs({a})",
            f"min({a}, {b})",
            f"max({a}, 2)",
            f"int({self.one('vector')}[0].item() * 2)",
            f"{self.one('vector')}.argmax().item()",
            f"len({self.one('list')})",
            f"int({self.one('vector')}[1] > 0.1)",
            f"{self.one('box')}.n",
            f"({a} * 2 - {b}) % 5",
            f"divmod({a}, 3)[1]",
            f"round({self.one('vector')}[2].item())",
            "(b0 + 1)",
        )

    def float(self, depth: int = 2) -> str:
        """An expression for a Python float."""
        if depth <= 0 or self.random.random() < 0.3:
            return self.choose("f0", "0.75")
        b = self.float(depth - 1)
        return self.choose(
            f"{self.one('vector')}[0].item()",
            f"{self.one('vector')}.mean().item()",
            f"(f0 + {b} * 0.1)",
            f"({self.integer(1)} / 2)",
            f"min(f0, {b})",
            f"float({self.one('vector')}[3])",
            f"(f0 - {b}) * 0.5",
            f"abs({b})",
            "(f0 // 1 + 0.5)",
            f"math.tanh({b})",
            f"float({self.integer(1)})",
        )

    def may_test(self) -> bool:
        return self.tests >= self.inside_loops

    def test(self, depth: int = 2) -> str:
        """An expression for a truth, mostly one that depends on data."""
        if not self.may_test():
            return self.choose("n == 1", "True")
        a = self.one("vector")
        simple = self.random.random() < 0.4 or depth <= 0
        if not simple and self.random.random() < 0.35:
            c = self.test(depth - 1)
            return self.choose(f"not {c}", f"({c} and {self.test(depth - 1)})", f"({c} or {self.test(depth - 1)})")
        self.tests -= self.inside_loops
        return self.choose(
            *[f"{a}.mean() > {self.choose('0', '0.2', '-0.3')}"] * 4,
            *[f"{a}[{self.choose('0', '2')}] > {self.one('vector')}[1]"] * 4,
            f"({a} > 0.8).any()",
            f"(({a} > -1.5) & ({self.one('vector')} < 2)).all()",
            f"{self.float(1)} > 0.3",
            f"{self.integer(1)} > 1",
            f"{self.integer(1)} % 2 == 0",
            "b0",
            f"-0.5 < {self.float(1)} <= 1",
            "n0 is None",
            f"len({self.one('list')}) > 2",
            '"r" in d0',
            f"any(t.sum() > 0.5 for t in {self.one('list')})",
            f"all(t[0] < 1 for t in {self.one('list')})",
            f"bool({self.one('matrix')}.max() > 1)",
            f"{self.one('int')} in (0, 2)",
            f"{self.one('box')}.n >= 2",
            f"{self.one('box')}.big",
            "o0 is o1",
            f"s0 == {a}[0]",
            f"torch.equal({a}, {self.one('vector')})",
            f"{a}.argmax() == {self.choose('1', 'i0')}",
            f"{self.one('list')}[0] is {a}",
        )
