"""Random small networks as source text: branches on data over tensors, numbers, containers, objects and exceptions."""

from __future__ import annotations

from random import Random

from .expressions import Expressions
from .texts import HEADER, NETWORK, PROLOGUE, VARIABLES


class Writer(Expressions):
    """Draws the statements and functions of one program and writes them down."""

    returns: str = "all"
    """What the function that is being written returns: all variables, a tensor and a list ("pair")."""
    prologue: tuple[str, ...] = PROLOGUE

    def block(self, indent: int, depth: int, length: int, in_loop: bool = False) -> None:
        """Some statements."""
        for _ in range(self.random.randint((length + 1) // 2, length)):
            self.statement(indent, depth, in_loop)

    def statement(self, indent: int, depth: int, in_loop: bool) -> None:
        """One statement; compound ones while `depth` lasts."""
        if depth > 0 and self.may_test():
            kind = self.random.randrange(20)
            compound = {
                0: self.branch, 1: self.branch, 2: self.branch, 3: self.branch, 4: self.for_loop, 5: self.for_loop,
                6: self.attempt, 7: self.attempt, 8: self.while_loop, 9: self.managed, 10: self.closure,
            }.get(kind)  # fmt: skip
            if compound is not None:
                compound(indent, depth, in_loop)
                return
            if kind == 11 and in_loop:
                self.line(indent, f"if {self.test(1)}:")
                self.line(indent + 1, self.choose("break", "continue"))
                return
            if kind == 12 and self.random.random() < 0.5:
                self.line(indent, f"if {self.test(1)}:")
                self.line(indent + 1, f"return {self.result()}")
                return
            if kind == 13:
                self.line(indent, f"if {self.test(1)}:")
                self.line(indent + 1, self.choose("raise Stop()", f"raise Found({self.vector(1)}, {self.integer(1)})"))
                return
        self.line(indent, self.simple())

    def simple(self) -> str:
        """An assignment, an in-place change, or a change of a container or object."""
        a, m, box, items = self.one("vector"), self.one("matrix"), self.one("box"), self.one("list")
        options = [
            f"{a} = {self.vector()}",
            f"{a} = {self.vector()}",
            f"{a} = {self.one('vector')}",
            f"{a} += {self.vector(1)}",
            f"{a} *= 0.5",
            f"{a} = {m}[{self.choose('0', '1')}]",
            f"{a}[{self.choose('0', '1:3', '-1', '...')}] = {self.choose('0.5', 's0', 'f0')}",
            f"{a}[1:] = {self.one('vector')}[:3] * 0.5",
            f"{a}[{a} > 1] = 0.25",
            f"{m}[{self.choose('0', '1', '-1')}] = {self.vector(1)}",
            f"{m}[:, {self.choose('0', '1:2')}] *= 0.5",
            f"{m} = {self.choose('m1', 'm0 * 0.5', 'm0.clone()', 'torch.stack([v0, v1])', 'm1.flip(0)')}",
            f"{a}.{self.choose('add_(0.25)', 'mul_(0.5)', 'relu_()', 'zero_()', 'clamp_(-1, 1)', 'neg_()')}",
            f"{a}.copy_({self.vector(1)})",
            f"torch.relu_({m})",
            f"{a}, {self.one('vector')} = {self.one('vector')}, {self.vector(1)}",
            f"s0 = {self.choose(f'{a}.mean()', f'{a}[1]', f'{m}.max()', f's0 * 0.5 + {a}[2]')}",
            f"{self.one('int')} = {self.integer()}",
            f"{self.one('int')} += {self.choose('1', '-1', 'i1')}",
            f"f0 = {self.float()}",
            "f0 *= 0.5",
            f"b0 = {self.test(1)}",
            "b0 = not b0",
            f"{items}.append({self.vector(1)})",
            f"{items}[{self.choose('0', '-1')}] = {self.vector(1)}",
            f"{items}[0] = {items}[0] * 0.5",
            f"{items}[0] += 0.25",
            "l0 = l1",
            f"{items} = [{self.vector(1)}, {a}]",
            f"{items} = [t * 0.5 for t in {self.one('list')}][:3]",
            f"{items} = {self.one('list')}[:2]",
            f"{items}.reverse()",
            f"if len({items}) > 1: {items}.pop({self.choose('', '0')})",
            f"if len({items}) > 1: del {items}[0]",
            f"d0[{self.choose('p', 'q', 'r')!r}] = {self.vector(1)}",
            f"d0.setdefault('r', {a})",
            "d0.pop('r', None)",
            "d0 = dict(d0)",
            "d0 = {k: t * 0.5 for k, t in d0.items()}",
            f"{box}.a = {self.vector(1)}",
            f"{box}.n += {self.choose('1', 'i0')}",
            f"{box} = {self.choose('o0', 'o1', f'Box({a}, i0)')}",
            f"{box} = {box}.bump({a})",
            f"{box}.a.mul_(0.5)",
            f"{box}.items.append({self.choose('i0', a)})",
            f"n0 = {self.choose('None', a, self.vector(1))}",
            f"g0.append({self.choose('i0', 'f0', 'b0', '1')})",
            f"first, *rest = {self.one('list')}; {a} = first * 0.5; i0 += len(rest)",
            f"{a} = Pair({self.vector(1)}, {a})._replace(second={self.one('vector')}).{self.choose('first', 'second')}",
            f"{a} = functools.partial(torch.add, {a}, alpha=0.5)({self.one('vector')})",
        ]  # fmt: skip
        if self.method:
            options += [
                f"self.kept = {self.choose('None', a)}",
                "self.count += 1",
                f"self.history.append({self.choose('i0', a)})",
                "i0 = self.count",
                f"{a} = self.helper(v0, m0, {self.one('int')})",
            ]
        for number in range(self.functions):
            options.append(f"{a}, {items} = helper{number}({self.one('vector')}, {m}, {self.integer(1)} % 4)")
            options.append(f"{items} = list(items{number}({a}, {items}))[:3] or [{a}]")
            options.append(f"change{number}({a}, {items}, {box})")
        return self.choose(*options)

    def branch(self, indent: int, depth: int, in_loop: bool) -> None:
        self.line(indent, f"if {self.test()}:")
        self.block(indent + 1, depth - 1, 3, in_loop)
        if self.random.random() < 0.3:
            self.line(indent, f"elif {self.test()}:")
            self.block(indent + 1, depth - 1, 3, in_loop)
        if self.random.random() < 0.6:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, 3, in_loop)

    def for_loop(self, indent: int, depth: int, in_loop: bool) -> None:
        self.loops += 1
        name = f"k{self.loops}"
        count = self.random.choice((2, 3))
        target, source, use = self.random.choice([
            (name, f"range({count})", f"i0 += {name}"),
            (f"{name}, t{name}", f"enumerate({self.one('list')}[:{count}], 1)", f"v0 = t{name} * 0.5 + {name}"),
            (f"t{name}", f"{self.one('matrix')}", f"v1 = v1 + t{name} * 0.5"),
            (f"t{name}", f"{self.one('vector')}[:{count}]", f"s0 = s0 + t{name}"),
            (f"t{name}, {name}", f"zip({self.one('list')}, range({count}))", f"{self.one('vector')} = t{name}"),
            (f"{name}, t{name}", "list(d0.items())", f"v2 = v2 + t{name} * 0.25"),
            (f"t{name}", f"reversed({self.one('list')}[:{count}])", f"n0 = t{name}"),
        ])  # fmt: skip
        self.line(indent, f"for {target} in {source}:")
        self.line(indent + 1, use)
        self.inside_loops *= count
        self.block(indent + 1, depth - 1, 3, True)
        self.inside_loops //= count
        if self.random.random() < 0.25:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, 2, in_loop)

    def while_loop(self, indent: int, depth: int, in_loop: bool) -> None:
        self.loops += 1
        name = f"k{self.loops}"
        count = self.random.choice((2, 3))
        self.line(indent, f"{name} = 0")
        self.inside_loops *= count
        self.line(indent, f"while {name} < {count} and {self.test(1)}:")
        self.line(indent + 1, f"{name} += 1")
        self.block(indent + 1, depth - 1, 2, True)
        self.inside_loops //= count
        if self.random.random() < 0.3:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, 2, in_loop)

    def attempt(self, indent: int, depth: int, in_loop: bool) -> None:
        self.line(indent, "try:")
        self.block(indent + 1, depth - 1, 3, in_loop)
        self.line(indent + 1, f"if {self.test(1)}:")
        self.line(indent + 2, self.choose("raise Stop()", f"raise Found({self.vector(1)}, {self.integer(1)})"))
        handlers = self.random.randrange(1, 4)
        if handlers & 1:
            self.line(indent, "except Found as found:")
            self.line(
                indent + 1, self.choose("v0 = found.tensor", "i0 += found.count", "v1 = found.tensor + found.count")
            )
        if handlers & 2:
            self.line(indent, self.choose("except Stop:", "except (Stop, Found):"))
            self.block(indent + 1, depth - 1, 2, in_loop)
        if self.random.random() < 0.3:
            self.line(indent, "else:")
            self.block(indent + 1, depth - 1, 2, in_loop)
        if self.random.random() < 0.3:
            self.line(indent, "finally:")
            self.block(indent + 1, 0, 2)

    def managed(self, indent: int, depth: int, in_loop: bool) -> None:
        self.line(indent, self.choose("with Guard(g0):", f"with logged(g0, {self.one('vector')}) as v2:",
                                      "with contextlib.suppress(Stop):", "with torch.no_grad():"))  # fmt: skip
        self.block(indent + 1, depth - 1, 3, in_loop)

    def closure(self, indent: int, depth: int, in_loop: bool) -> None:
        self.loops += 1
        name = f"inner{self.loops}"
        self.line(indent, f"def {name}(t, step=1):")
        names = [name for group in VARIABLES.values() for name in group]
        self.line(indent + 1, f"nonlocal {', '.join(names)}")
        method, self.method = self.method, False
        self.block(indent + 1, depth - 1, 3)
        self.method = method
        self.line(indent + 1, "return t * 0.5 + step")
        self.line(indent, f"v2 = {name}({self.one('vector')})")
        if self.random.random() < 0.5 and self.may_test():
            self.line(indent, f"if {self.test(1)}:")
            self.line(indent + 1, f"v1 = {name}(v2, step=2)")

    def everything(self) -> str:
        """What `forward` returns at its end."""
        return "v0, v1, v2, m0, m1, s0, i0, i1, f0, b0, l0, l1, d0, o0, o1, n0, g0"

    def result(self) -> str:
        """An expression for the result of `forward` or of a helper."""
        if self.returns == "pair":
            return f"({self.vector(1)}, {self.choose('l0', 'l1', '[v0, v1]')})"
        return self.choose(
            f"{self.vector(1)}",
            "v0, v1, m0, i0, f0, b0",
            '{"a": l0, "b": (s0, g0), "n": n0}',
            "[m0, m1, v2], o0.n, o0.a",
            "None",
            "d0, i1",
            "Pair(v0, l1)",
            "o0",
        )

    # -- functions ---------------------------------------------------------------------------------------------

    def function(self, indent: int, header: str, returns: str, depth: int, length: int) -> None:
        """A function with all variables; a helper's budget of tests is its own."""
        self.returns = returns
        self.line(indent, header)
        for text in self.prologue:
            self.line(indent + 1, text)
        if self.random.random() < 0.4:
            self.line(indent + 1, "i0, b0, f0 = int(x[0] > 0), bool(x[1] > 0.2), x[2].item()")
        self.block(indent + 1, depth, length)
        if returns == "all":
            self.line(indent + 1, f"return {self.everything()}")
        else:
            self.line(indent + 1, f"return {self.result()}")
        self.line(0, "")
        self.line(0, "")

    def helpers(self) -> None:
        """One helper that returns, one that yields, one that changes its arguments."""
        self.tests = 3
        self.function(0, "def helper0(x, y, n):", "pair", 2, 3)
        self.tests = 1
        self.line(0, "def items0(t, items):")
        self.line(1, "yield t")
        self.line(1, f"if {self.choose('t.sum() > 0', 'items[0][0] > 0.5', 'len(items) > 1')}:")
        self.line(2, self.choose("return", "yield items[-1] * 0.5", "t.mul_(0.5)"))
        self.line(1, self.choose("yield from items[:2]", "yield items[0]", "t += 0.5"))
        self.line(0, "")
        self.line(0, "")
        self.line(0, "def change0(t, items, box):")
        self.line(1, f"if {self.choose('t[0] > 0', 'items[-1].mean() > 0.2', 'box.n > 1')}:")
        self.line(2, self.choose("t.add_(0.5)", "items.append(t)", "box.a = t", "items[0].mul_(0.5)"))
        self.line(2, self.choose("box.n += 1", "return", "items[0] = t"))
        self.line(1, self.choose("t[1] = 0.75", "items[-1] = items[-1] + 1", "box.n = len(items)", "t = t + 1"))
        self.line(0, "")
        self.line(0, "")
        self.functions = 1


def write_program(seed: int) -> str:
    """The source of a module with a class Network whose forward takes x (4 floats), y (2 by 4 floats)."""
    writer = Writer(Random(seed))
    if writer.random.random() < 0.6:
        writer.helpers()
    writer.tests = writer.random.choice((6, 10, 14, 20))
    helpers, writer.lines = writer.lines, []
    writer.line(1, "def helper(self, x, y, n):")
    writer.line(2, "if n > 1 or x.max() > 1.5:")
    writer.line(3, "self.kept = x")
    writer.line(3, "return self.layers[1](x).clamp(-2, 2)")
    writer.line(2, "self.count += n")
    writer.line(2, "return x * 0.5 + self.scale")
    writer.line(0, "")
    writer.method = True
    writer.function(1, "def forward(self, x, y, n=1):", "all", 3, 9)
    return HEADER + "\n".join(helpers) + "\n" * bool(helpers) + NETWORK + "\n".join(writer.lines).rstrip() + "\n"
