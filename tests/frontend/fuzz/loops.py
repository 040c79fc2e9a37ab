"""Random small networks whose loops are to be loops of the program: each ends in eager after a bounded number of
iterations, whatever its body does."""

from __future__ import annotations

from random import Random

from .growth import GrowthWriter
from .texts import HEADER, LOOP_NETWORK, LOOP_PROLOGUE, VARIABLES


class LoopWriter(GrowthWriter):
    """Draws the loops and functions of one program and writes them down."""

    prologue = LOOP_PROLOGUE

    def statement(self, indent: int, depth: int, in_loop: bool) -> None:
        if depth > 0 and self.may_test():
            kind = self.random.randrange(20)
            if kind < 4:
                self.while_loop(indent, depth, in_loop)
                return
            if kind < 8:
                self.for_loop(indent, depth, in_loop)
                return
            if kind < 10 and in_loop:
                self.line(indent, f"if {self.test(1)}:")
                if self.random.random() < 0.5:
                    self.line(indent + 1, self.simple())
                self.line(indent + 1, self.choose("break", "break", "continue", f"return {self.result()}"))
                return
            if kind < 13:
                self.branch(indent, depth, in_loop)
                return
            if kind < 15:
                self.attempt(indent, depth, in_loop)
                return
            if kind == 15 and self.random.random() < 0.3:
                self.managed(indent, depth, in_loop)
                return
        self.line(indent, self.simple())

    def closure(self, indent: int, depth: int, in_loop: bool) -> None:
        self.branch(indent, depth, in_loop)

    def body(self, indent: int, depth: int, first: tuple[str, ...]) -> None:
        """The body of a loop, in which a test counts double."""
        for text in first:
            self.line(indent, text)
        self.inside_loops *= 2
        self.block(indent, depth - 1, self.random.choice((1, 2, 3)), True)
        self.inside_loops //= 2

    def otherwise(self, indent: int, depth: int, in_loop: bool) -> None:
        if self.random.random() < 0.2:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, 2, in_loop)

    def while_loop(self, indent: int, depth: int, in_loop: bool) -> None:
        self.loops += 1
        k = f"k{self.loops}"
        cap = self.choose("2", "4", "7", "12") if in_loop else self.choose("3", "6", "12", "20")
        v = self.one("vector")
        shrink = f"{v} = {v} * {self.choose('0.7', '0.5')}"
        use = self.choose(shrink, shrink, f"{v} = {self.vector(1)}", f"i0 += {k}", f"s0 = s0 * 0.5 + {v}[{k} % 4]")
        kind = self.random.randrange(8)
        step = f"{k} += 1"
        if kind < 2:
            self.line(indent, f"{k} = 0")
            self.line(indent, f"while {k} < {cap} and {self.choose(f'{v}.norm() > 0.5', self.test(1))}:")
            first: tuple[str, ...] = (step, use)
        elif kind == 2:
            self.line(indent, f"{k} = 0")
            self.line(indent, f"while {v}.norm() > {self.choose('0.5', '1.0')}:")
            first = (step, f"if {k} > {cap}: {self.choose('break', 'break', 'raise Stop()')}", use)
        elif kind == 3:
            self.line(indent, f"{k} = 0")
            self.line(indent, "while True:")
            first = (step, f"if {k} >= {cap} or {self.test(1)}: break", use)
        elif kind == 4:
            self.line(indent, f"done{k}, {k} = False, 0")
            self.line(indent, f"while not done{k}{self.choose('', f' and {k} < {cap}')}:")
            first = (step, f"done{k} = {k} >= {cap} or {self.choose(f'bool({v}.max() < 0.6)', self.test(1))}", use)
        elif kind == 5:
            self.line(indent, f"{k} = {self.few(int(cap))}")
            self.line(indent, f"while {k} > 0:")
            first = (self.choose(f"{k} -= 1", f"{k} = {k} // 2", f"{k} -= 1 + int({v}[0] > 0)"), use)
        elif kind == 6:
            self.line(indent, f"{k} = 0")
            limit = self.choose(f"({self.few()})", f"min({self.few()}, {cap})")
            self.line(indent, f"stop{k} = {limit}")
            self.line(indent, f"while {k} < stop{k}:")
            first = (self.choose(step, f"{k} += 2", f"{k} += 1 + int({v}[1] > 0.2)"), use)
        else:
            self.line(indent, f"{k} = torch.tensor(0)")
            self.line(indent, f"while {k} < {cap} and {v}.norm() > 0.4:")
            first = (f"{k} = {k} + 1", shrink, f"s0 = s0 + {k}")
        self.body(indent + 1, depth, first)
        self.otherwise(indent, depth, in_loop)

    def for_loop(self, indent: int, depth: int, in_loop: bool) -> None:
        self.loops += 1
        k, t, v = f"k{self.loops}", f"t{self.loops}", self.one("vector")
        r, w = self.size("rows"), self.size("line")
        numbers = self.choose(
            f"range({self.few()})",
            f"range({self.few()})",
            f"range(1, {self.few()})",
            f"range({self.few()}, 0, -1)",
            f"range(0, {self.few()}, 2)",
            f"range({self.few(4)}, {self.few(6)})",
            f"range({self.choose('9', '12', '20')})",
            f"range({self.choose('9', '12', '20')})",
        )
        rows = self.choose(
            r, f"{r}[{self.mask(r)}]", f"y[y[:, 0] > {self.choose('0', '0.5')}]", f"torch.cat([{r}, m1])",
            f"{self.size('tensors')}[:6]", f"list({self.size('tensors')})", f"{self.size('tensors')}[-4:]", "u0[:5]",
            *([f"stream0({v}, {self.few(6)})", f"stream0({v}, 3)"] if self.functions else []),
        )  # fmt: skip
        scalars = self.choose(f"{v}[{v} > 0]", w, f"torch.where({v} > 0, {v}, 0.1)", f"{w}[{w} < 1]")
        places = self.choose(f"({v} > 0).nonzero().flatten()", f"({w} > 0.2).nonzero()[:, 0]",
                             f"torch.where({v} > 0.1)[0]", f"({v} > 0.2).nonzero().flatten().tolist()")  # fmt: skip
        by_number = (f"i0 += {k}", f"{v} = {v} * 0.7 + {k} * 0.1", f"s0 = s0 * 0.5 + {v}[{k} % 4]")
        by_row = (f"{v} = {v} * 0.5 + {t}", f"s0 = s0 * 0.5 + {t}.sum()", f"n0 = {t}", f"v2 = {t} * 0.5")
        target, source, uses = self.random.choice([
            (k, numbers, by_number),
            (k, numbers, by_number),
            (k, numbers, by_number),
            (t, rows, by_row),
            (t, rows, by_row),
            (t, scalars, (f"s0 = s0 * 0.5 + {t}", f"{v} = {v} + {t} * 0.1", f"i0 += int({t} > 0.5)")),
            (t, places, (f"s0 = s0 * 0.5 + x[{t} % 4]", f"i0 += int({t})", f"{v} = {v} * 0.5 + {t}")),
            (f"{k}, {t}", f"enumerate({rows}{self.choose('', ', 1')})", (f"{v} = {v} * 0.5 + {t} * {k}", f"i0 = {k}")),
            (f"{t}, {k}", f"zip({rows}, {numbers})", (f"{v} = {v} * 0.5 + {t} * {k}", f"i0 = {k}", f"n0 = {t}")),
            (f"{t}, {k}", f"zip({scalars}, {rows})", (f"{v} = {v} * 0.5 + {t} * {k}",)),
            (f"{t}, {k}", "p0[:5]", (f"{v} = {v} * 0.5 + {t} * {k}", f"i0 += {k}")),
            (k, "list(c0)", (f"i0 += {k}", f"{v} = {v} * 0.5 + {k} % 3")),
            (f"{k}, {t}", "list(d0.items())", (f"{v} = {v} * 0.5 + {t} * 0.25",)),
        ])  # fmt: skip
        self.line(indent, f"for {target} in {source}:")
        first = [self.choose(*uses)]
        if self.random.random() < 0.2 and self.may_test():
            self.tests -= self.inside_loops
            first.append(f"if {v}.sum() > {self.choose('1', '2', '3')}: break")
        self.body(indent + 1, depth, tuple(first))
        self.otherwise(indent, depth, in_loop)

    def everything(self) -> str:
        """Some of the variables: what is dead need not be carried by the loops."""
        names = [name for group in VARIABLES.values() for name in group if name != "o1"]
        names += ["a0", "a1", "c0", "p0", "u0", "r0", "w0", "best", "len(a0)", "self.state", "self.count"]
        return ", ".join(self.random.sample(names, self.random.randrange(3, 10)))

    def higher_order(self, indent: int) -> None:
        """torch.cond and while_loop. Eager PyTorch compiles them, which takes long."""
        v = self.one("vector")
        if self.random.random() < 0.5:
            self.line(indent, f"{v} = torch.cond({v}.sum() > 0, lambda t: t * 0.5, lambda t: t + 0.25, ({v},))")
        else:
            self.line(indent, "k0 = torch.tensor(0)")
            self.line(indent, "more = lambda k, t: (k < 5) & (t.norm() > 0.5)")
            self.line(indent, f"k0, {v} = while_loop(more, lambda k, t: (k + 1, t * 0.7), (k0, {v}))")
            self.line(indent, "i0 = int(k0)")

    def streams(self) -> None:
        """A generator with a loop that yields vectors."""
        self.line(0, "def stream0(t, n):")
        test = self.choose("t.norm() > 0.5", "t.sum() > 0.3", "t[0] > -0.5")
        change = self.choose("t = t * 0.7", "t = torch.tanh(t) + 0.1", "t = t.flip(0) * 0.8", "t = t - 0.2")
        shape = self.random.randrange(4)
        if shape == 0:
            texts = ("k = 0", f"while k < n and {test}:", f"    {change}", "    k += 1", "    yield t")
        elif shape == 1:
            texts = ("for k in range(n):", f"    {change} + 0.1 * k", "    yield t", f"    if {test}: return")
        elif shape == 2:
            texts = ("k = 0", "while True:", "    k += 1", "    if k > n:", "        return", f"    {change}",
                     f"    if {test}:", "        yield t * 0.5", "    else:", "        yield t")  # fmt: skip
        else:
            texts = ("for s in t[t > 0]:", f"    {change}", "    yield t * s", "yield t")
        for text in texts:
            self.line(1, text)
        self.line(0, "")
        self.line(0, "")

    def write(self) -> str:
        """The whole module."""
        if self.random.random() < 0.5:
            self.streams()
            self.helpers()
        self.tests = self.random.choice((6, 10, 14))
        helpers, self.lines = self.lines, []
        self.method = True
        self.line(1, "def helper(self, x, y, n):")
        self.line(2, "self.count += n")
        self.line(2, "return x * 0.5 + self.scale")
        self.line(0, "")
        self.function(1, "def forward(self, x, y, n=1):", "all", 3, 7)
        if self.random.random() < 0.03:
            last = self.lines.pop(-3)
            del self.lines[-2:]
            self.higher_order(2)
            self.line(0, last)
        imports = "from torch._higher_order_ops import while_loop\n"
        header = HEADER.replace("from torch import nn\n", f"from torch import nn\n{imports}", 1)
        return header + "\n".join(helpers) + "\n" * bool(helpers) + LOOP_NETWORK + "\n".join(self.lines).rstrip() + "\n"


def write_loop_program(seed: int) -> str:
    """The source of a module like that of `write_program`, with loops."""
    return LoopWriter(Random(seed)).write()
