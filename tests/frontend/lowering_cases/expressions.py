"""Expressions: values, order of evaluation, names that are not bound."""

# ruff: noqa
from .registry import Cases, Probe, say

case = Cases()
P, Q, R = Probe("p"), Probe("q"), Probe("false r")


@case((1, 2), (0, 2), ("a", "b"), ("a", 1))
def arithmetic(a, b):
    return a + b, a * b if isinstance(b, int) else a, [a] * 2, -1, -b if isinstance(b, int) else +0


@case((7, 3), (-7, 3), (0, 1))
def integers(a, b):
    return a - b, a / b, a // b, a % b, a**b, a << b, a >> b, a & b, a | b, a ^ b, ~a, +a, -a, not a


@case((1, 2), (2, 1), (2, 2))
def comparisons(a, b):
    return a < b, a <= b, a > b, a >= b, a == b, a != b, a is b, a is not b, a in [b], a not in [b]


@case((P, Q, R), (R, Q, P), (Q, R, P), (Q, Q, Q))
def chained(a, b, c):
    x = say(a) < say(b) < say(c)
    if say(a) < say(b) < say(c):
        say("yes")
    return repr(x), repr(a < b), not a < b < c


@case(1, 5, 10)
def chained_numbers(x):
    y = 0 < (x := x + 1) < x + 1 < 8
    return y, x, 1 < x == x < 9


@case((P, Q, R), (R, Q, P), (R, R, R), (0, R, 3), (P, R, P))
def short_circuit(a, b, c):
    return [a and b, a or b, a and b or c, (a or b) and c, a and (b or c), not (a and b)] == 0


@case((P, Q, R), (R, Q, P), (R, R, R), (P, R, P), (1, 0, 2), (0, 0, 0), (0, 0, 1), (0, 1, 0))
def short_circuit_tests(a, b, c):
    found = []
    if a and b or c:
        found.append(1)
    if not (a or b) and c:
        found.append(2)
    if (a if b else c) or not a:
        found.append(3)
    while a or b:
        found.append(4)
        break
    x = a and b
    x = x or c
    b = b and x or a
    return found, repr(x), repr(b)


@case(0, 1, 2, 3)
def ternaries(x):
    y = "a" if x == 0 else "b" if x == 1 else "c"
    x = x if x else x - 1
    return y, x, (say(1) if x > 1 else say(2))


@case()
def constant_conditions():
    found = [1 if True else say(2), 0 or 3, 1 and 2, not 1]
    if 0:
        found.append(say("never"))
    while False:
        found.append(lambda: say("never"))
    if not 1:
        found.append(5)
    else:
        found.append(6)
    if __debug__:
        found.append(__debug__)
    return found


@case(P)
def subscripts(x):
    return x[1], x[1:2], x[:], x[::3], x[say(1) : say(2) : say(3)], x[1, 2:3], x[say(4)][say(5)], x[...,]


@case((P, [1, 2], {"n": 1}), (P, [1, 2], {"k": 1}), (P, "ab", {}), (P, 5, {}), (P, [], 3), (P, [1], {"m": 3}))
def calls(f, xs, options):
    return f(say(1), *say(xs), say(2), k=say(3), **say(options), l=say(4)), f(*xs), f(**options), f(m=2, **options)


@case((P, Q), (Q, P))
def star_order(a, b):
    x = [*a, say(1), *b, say(2)]
    y = (*a, *b, say(3))
    say(a)(*a, say(4), *b, k=say(5))
    say(a)(*a, k=b)
    return x, y


@case(({1: 2}, {3: 4}), ({1: 2}, {1: 5}), ({}, []), ({}, {3: {}}))
def dicts(a, b):
    return {say(0): say(9), **say(a), say("k"): say("v"), **b}, {**a}, {}, {1: a, 2: b}


@case([1, 2], "ab", [[]])
def sets(a):
    return {*a, 1}, {1, 2}, {say(3), *a, say(4)}


@case((3, 4), (0, 0))
def walrus(x, y):
    z = x + (x := y) + x
    values = [x, (x := x + 1), x]
    say(x)(x) if callable(x) else None
    a = b = (c := say(5))
    return z, values, x, (q := 7) + q, a, b, c, f"{(x := 9)}{x}"


@case(("x", 3.14159, 5), ("", 1, 10))
def formats(a, b, c):
    return (
        f"",
        f"plain",
        f"{a}",
        f"{a!r}|{a!s:>4}|{a!a}",
        f"{b:.2f}",
        f"{b:{c}.{say(2)}f}",
        f"{a=}",
        f"{b = :{c}}",
        f"{{}}{c:>{c}}tail{a}",
        "%s %d" % (a, c),
        f"""{a + "é"}""",
    )


@case(True, False)
def unbound_order(flag):
    if flag:
        x = 1
    try:
        return x + say(2)
    except UnboundLocalError:
        say("unbound")
    try:
        say(3)(x, say(4))
    except (UnboundLocalError, TypeError) as error:
        say(type(error))
    try:
        x
    except UnboundLocalError:
        say("again")
    return x


@case()
def unknown_global():
    say(1)
    return no_such_name + say(2)


@case(P)
def unbound_in_calls(f):
    if f is None:
        g = h = "never"
    try:
        f(g, say(1))
    except UnboundLocalError:
        pass
    try:
        f(say(1), g)
    except UnboundLocalError:
        pass
    try:
        f(*g, say(1))
    except UnboundLocalError:
        pass
    try:
        {say(1): g, say(2): 2}
    except UnboundLocalError:
        pass
    try:
        h[say(3)] = say(4)
    except UnboundLocalError:
        pass
    return g.attribute


@case(([3, 1, 2],), ([],))
def comprehensions(xs):
    x = "outer"
    squares = [x * x for x in xs if x > 1 if x < 10]
    pairs = [(x, y) for x in xs for y in range(x) if y]
    table = {say(x): say(y) for x, y in zip(xs, xs[1:])}
    nested = [[y for y in range(x)] for x in xs]
    shadow = [x for x in [x for x in xs]]
    unpacked = [a + sum(b) for a, *b in [(x, 1, 2) for x in xs]]
    letters = {c for c in x}
    last = [(last := v) for v in xs]
    return squares, pairs, table, nested, shadow, unpacked, letters, x, last


@case(([1, 2, 3],), ([],), (5,), (["a"],))
def comprehension_conditions(xs):
    return [x + 1 for x in xs if x == 1 or x > 2], [y if y else None for x in xs for y in [x, 0] if not y or x]


@case(3, 0)
def comprehension_targets(n):
    class_like = Probe("t")
    values = [class_like[0] for class_like[0] in range(n)]
    return values, [0 for _ in range(n) if say(_) % 2], {k: v for k, v in enumerate(range(n)) if v}


@case()
def comprehension_unbound():
    return [y for x in [1] if y for y in [2]]


@case((P, Q))
def everything_in_order(a, b):
    say(a)[say(1)] = say(b)[say(2)] = say(3)
    x, say(a)[say(4)], *y = say((5, 6, 7, 8))
    return x, y
