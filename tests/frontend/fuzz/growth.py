"""Random expressions and statements over lists that grow, tensors whose size changes, masks, and switches."""

from __future__ import annotations

from .programs import Writer
from .texts import GROWING


class GrowthWriter(Writer):
    """Adds to the statements of random networks those that change sizes and lengths, and those that use them."""

    def size(self, kind: str) -> str:
        """A variable of a kind whose size changes."""
        return self.random.choice(GROWING[kind])

    def few(self, bound: int = 9) -> str:
        """An expression for a small int that depends on data."""
        v = self.one("vector")
        return self.choose(
            f"int({v}.abs().sum().item() * 2) % {bound}",
            f"int(({v} > {self.choose('0', '0.3', '-0.4')}).sum())",
            f"{v}.argmax().item() + {self.choose('0', '1', '3')}",
            f"abs({self.one('int')}) % {bound}",
            f"{self.size('rows')}.shape[0] % {bound}",
            f"{self.size('line')}.numel() % {bound}",
            f"len({self.size('tensors')}) % {bound}",
        )

    def mask(self, of: str) -> str:
        """An expression for a mask over the first dimension of rows."""
        return self.choose(f"{of}.sum(1) > 0", f"{of}[:, 0] > {of}[:, 1]", f"{of}.max(1).values > 0.5",
                           f"({of} > -1).all(1)", f"{of}[:, 2].abs() < 0.8")  # fmt: skip

    # -- expressions -------------------------------------------------------------------------------------------

    def vector(self, depth: int = 2) -> str:
        if depth <= 0 or self.random.random() < 0.7:
            return super().vector(depth)
        a, r, w, items = self.one("vector"), self.size("rows"), self.size("line"), self.size("tensors")
        number = f"({self.few()})"
        options = [
            f"{r}.sum(0).clamp(-3, 3)",
            f"({r}.mean(0) if {r}.shape[0] else {a})",
            f"({r}[-1] if len({r}) > {self.choose('0', '2')} else {a})",
            f"({r}[0] * 0.5 if {r}.numel() else {a})",
            f"{r}[{self.mask(r)}].sum(0).clamp(-3, 3)",
            f"{a} * {w}.sum().clamp(-1, 1)",
            f"torch.cat([{w}, {a}])[:4]",
            f"({a} + {w}.max() if {w}.numel() > 0 else {a})",
            f"({items}[-1] if {items} else {a})",
            f"({items}[{self.choose('0', '-1')}] if len({items}) > {self.choose('0', '1')} else {a})",
            f"(torch.stack({items}).mean(0) if {items} else {a})",
            f"(torch.stack({items}, 1).sum(1).clamp(-3, 3) if len({items}) else {a})",
            f"(torch.cat({items})[{self.choose(':4', '-4:')}] if {items} else {a})",
            f"(torch.stack({items}[{self.choose('-2:', ':3', '1:', '::2')}]).sum(0).clamp(-3, 3)"
            f" if len({items}) > 1 else {a})",
            f"sum({items}, {a}).clamp(-3, 3)",
            f"(u0[{self.choose('0', '-1')}] if u0 else {a})",
            f"(p0[-1][0] if p0 else {a})",
            f"(best if best is not None else {a})",
            f"torch.stack([t for t in {a}[{a} > 0]] + [{a}[0]]).sum() * {a}.clamp(-1, 1)",
            f"sum(t * 0.5 for t in {r}) + {a}",
            f"{a} + torch.where({a} > 0, {self.one('scalar')}, {self.one('vector')}[1])",
            f"{a}[torch.arange(4) % {self.choose('2', '3')}]",
            f"(torch.tanh, torch.relu, torch.sin)[{number} % 3]({a})",
            f"{{f'k{{j}}': t for j, t in enumerate([v0, v1, v2])}}[f'k{{{number} % 3}}']",
        ]
        if self.method:
            options += [
                f"self.layers[{number} % 3]({a}).clamp(-2, 2)",
                f"getattr(self, f'l{{{number} % 3}}')({a}).clamp(-2, 2)",
                f"self.named[f'l{{{number} % 3}}']({a}).clamp(-2, 2)",
                f"getattr(self, 'l' + str({number} % 3))({a}).clamp(-2, 2)",
                f"self.named['l%d' % ({number} % 3)]({a}).clamp(-2, 2)",
                f"{a} + self.state",
            ]
        return self.choose(*options)

    def integer(self, depth: int = 2) -> str:
        if depth <= 0 or self.random.random() < 0.75:
            return super().integer(depth)
        r, w = self.size("rows"), self.size("line")
        return self.choose(
            self.few(),
            f"len({self.size('tensors')})",
            f"{r}.shape[0]",
            f"len({r})",
            f"{w}.numel()",
            f"len({w})",
            f"({w} > 0.3).nonzero().shape[0]",
            f"torch.nonzero({r} > 0, as_tuple=True)[0].numel()",
            "(c0[-1] if c0 else 2)",
            "sum(c0) % 7",
            "len(c0)",
            "(max(c0) if c0 else 0)",
            "(p0[0][1] if p0 else 1)",
            "len(u0)",
        )

    def test(self, depth: int = 2) -> str:
        if not self.may_test() or self.random.random() < 0.75:
            return super().test(depth)
        self.tests -= self.inside_loops
        r, w, items = self.size("rows"), self.size("line"), self.size("tensors")
        return self.choose(
            f"len({items}) {self.choose('> 2', '< 3', '% 2 == 0')}",
            f"{r}.shape[0] > {self.choose('1', '3')}",
            f"{w}.numel() {self.choose('> 2', '< 4', '== 0')}",
            f"{w}.sum() > 0.4",
            f"({r} > 1).any()",
            "best is None",
            f"best is None or {self.one('vector')}.sum() > best.sum()",
            f"{items}",
            f"not {items}",
            f"({items} and {items}[-1].sum() > 0.3)",
            "c0 and c0[-1] > 1",
            f"any(t.sum() > 1 for t in {r})",
            "len(u0) >= 2",
        )

    # -- statements --------------------------------------------------------------------------------------------

    def simple(self) -> str:
        if self.random.random() < 0.5:
            return super().simple()
        r, w, items, a = self.size("rows"), self.size("line"), self.size("tensors"), self.one("vector")
        options = [
            *[f"{items}.append({self.vector(1)})"] * 4,
            f"{items} += [{self.vector(1)}]",
            f"{items} = {items} + [{a}]",
            f"{items} = [*{items}, {a} * 0.5]",
            f"{items}.extend([{a}, {self.vector(0)} * 0.5])",
            f"{items} = {items}[{self.choose('-3:', ':2', '1:')}]",
            f"if {items}: {items}.pop({self.choose('', '0')})",
            f"{items} = [t * 0.5 for t in {items}]",
            f"{items} = {self.choose('[]', f'[{a}]', 'list(a1)', 'a1', 'list(u0)')}",
            *[f"c0.append({self.integer(1)})"] * 2,
            f"c0 += [{self.integer(1)}]",
            *[f"p0.append(({self.vector(1)}, {self.integer(1)}))"] * 2,
            f"u0 = u0 + ({self.vector(1)},)",
            f"u0 += ({a},)",
            f"u0 = (*u0, {a})",
            *[f"{r} = torch.cat([{r}, ({self.vector(1)})[None]])"] * 2,
            f"{r} = torch.cat([{self.one('matrix')}, {r}[:6]], 0)",
            f"{r} = {r}[{self.mask(r)}]",
            f"{r} = {r}[{self.choose('1:', ':-1', ':3', '-2:', '::2')}]",
            f"{r} = torch.relu({r} + {a}).clamp(-3, 3)",
            f"{r}[{self.mask(r)}] = {self.choose('0.5', a, f'{a} * 0.5')}",
            f"{r}[{self.mask(r)}] *= 0.5",
            f"{r}[{r} > 1] = 0.25",
            f"{r} = {r}.clone()",
            f"{r}.mul_(0.5)",
            *[f"{w} = torch.cat([{w}, {a}[{self.choose(':1', ':2', f'{a} > 0')}]])"] * 2,
            f"{w} = {self.choose(a, self.one('scalar'))}.reshape(-1)",
            f"{w} = {w}[{w} {self.choose('> 0', '< 0.8')}]",
            f"{w} = {w}[{self.choose(':6', '1:', ':-1')}]",
            f"{w} = {r}[:, {self.choose('0', '2')}]",
            f"{w}[{w} > 0.5] = 0.25",
            f"{w} = {a}[({a} > {self.choose('0', '0.4')}).nonzero().flatten()]",
            f"{w} = {a}[torch.where({a} > 0)[0]]",
            f"{w} = torch.where({w} > 0, {w}, {w} * 0.5)",
            f"{w} = torch.arange({self.few()}) * 0.5",
            f"{a}[{self.one('int')} % 4] = {self.choose('0.5', 's0')}",
            f"{self.one('matrix')}[{self.one('int')} % 2] = {self.vector(1)}",
            f"{self.one('matrix')}[{self.one('int')} % 2].mul_(0.5)",
            f"best = {self.choose('None', a, self.vector(1))}",
            f"best = {a} if best is None else torch.maximum(best, {a})",
            f"n0 = {a} if n0 is None else (n0 + {a}) * 0.5",
            f"view = {self.choose(f'{a}[1:3]', 'm0[0]', f'{a}.view(2, 2)', f'{r}[:1]')}; view *= 0.5",
            f"d0['n'] = d0.get('n', {a}) * 0.5",
            f"step = lambda t: t * {self.choose('0.5', self.one('int') + ' % 3', 's0.clamp(-1, 1)')}; {a} = step({a})",
            f"{items} = list(stream0({a}, {self.few(5)}))" if self.functions else f"{items} = list({r})",
            f"{a} = next(stream0({a}, 2), {a})" if self.functions else f"s0 = {w}.sum()",
            f"{a} = sum(stream0({a}, 4), {a}).clamp(-3, 3)" if self.functions else f"s0 = {w}.sum() * 0.5",
        ]  # fmt: skip
        if self.method:
            options += [
                f"self.state = {self.vector(1)}",
                f"self.state.mul_({self.choose('0.5', 's0.clamp(-1, 1)')})",
                "self.state[i0 % 4] = 0.5",
            ]
        return self.choose(*options)
