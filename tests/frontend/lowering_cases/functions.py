"""Nested functions, closures, classes' methods, generators."""

# ruff: noqa
from .registry import Cases, LOG, say

case = Cases()
COUNT = 0


@case(1, 5)
def closures(n):
    total = n

    def add(x, y=say(2), *rest, k=say(3), **options):
        nonlocal total
        total += x + y + k
        return total, rest, options

    first = add(1)
    n = 7
    get = lambda: (n, total)
    second = add(1, 2, 3, 4, k=5, m=6)
    n += 1
    return first, second, get(), (lambda a, b=n, *, c=total: (a, b, c))(1)


@case(3, 0)
def counter(n):
    def increment():
        nonlocal count
        count += 1
        return count

    count = 0
    for _ in range(n):
        increment()
    return count, [increment() for _ in range(n)]


@case(3)
def late_binding(n):
    shared = [lambda: i for i in range(n)]
    kept = [lambda i=i: i for i in range(n)]
    deep = [lambda: lambda: (i, j) for i in range(n) for j in range(i)]
    several = {i: (lambda x: x + i, lambda x: x * i) for i in range(n)}
    return [f() for f in shared], [f() for f in kept], [f()() for f in deep], [f(5) for f in several[1]]


@case(2)
def comprehension_in_loop(n):
    groups = [[lambda: (i, j) for j in range(2)] for i in range(n)]
    return [[f() for f in group] for group in groups]


@case((lambda: 1, lambda: 2))
def lambdas_on_one_line(f, g):
    a, b, c = lambda: 1, lambda: lambda: 2, lambda x: lambda y: x + y
    return f(), g(), a(), b()(), c(1)(2), (lambda: f())(), [(lambda: i)() for i in range(2)]


@case(True, False)
def unbound_cell(flag):
    def read():
        return x

    if flag:
        x = 1
    else:
        x = 2
        del x
    try:
        say(x)
    except UnboundLocalError:
        say("unbound")
    try:
        return read()
    except NameError as error:
        return type(error)


@case(True, False)
def cell_over_join(flag):
    x = 0
    get = lambda: x
    if flag:
        say(1)
    x = 5
    return get()


@case([1, 2, 3], [])
def cell_parameter(xs):
    def push(x):
        xs.append(x)

    for x in range(2):
        push(x)
    xs = xs + [9]
    push(8)
    return xs


@case(3)
def decorators(n):
    def mark(name):
        say(name)

        def decorate(f):
            say(("apply", name))
            return lambda *a: (name, f(*a))

        return decorate

    @mark("outer")
    @mark("inner")
    def f(x=say("default")):
        return x + n

    return f(1)


@case(5, 1, 0)
def recursion(n):
    def factorial(k):
        return 1 if k < 2 else k * factorial(k - 1)

    return factorial(n)


@case()
def globals_():
    global COUNT, FRESH
    COUNT = COUNT + 1
    FRESH = COUNT
    count, COUNT = COUNT, 0
    return count, FRESH


class Base:
    """A class with private names."""

    __secret = 1

    def __init__(self, x):
        self.__x = x

    def method(self, y):
        return self.__x + y + self.__secret

    def __deepcopy__(self, memo):
        return type(self)(self._Base__x)

    def __eq__(self, other):
        return vars(self) == vars(other)


class Derived(Base):
    """A class that uses ``super()``."""

    def method(self, y, *, flag=True):
        if flag:
            z = super().method(y)
        else:
            z = super(Derived, self).method(y)
        return z, __class__.__name__

    def captured(self, y):
        self.__x = y
        return [lambda: self, self.__x][1], (lambda: super(Derived, self).method(1))()

    def private(self, __k=1):
        def __inner(__a, *, __b=2):
            return __a, __b, __k

        for __i in range(2):
            pass
        table = dict(__k=1)
        return __inner(1), __i, table, [__v for __v in range(2)], f"{__k}"

    def rebound(self, other):
        if other:
            self = other
        return super().method(1)


@case((Derived(1), 1), (Derived(5), 2))
def methods(obj, y):
    return obj.method(y), obj.method(y, flag=False), obj.captured(y), obj.private(), obj.rebound(None), obj.rebound(obj)


@case((Derived(1), 1))
def private_outside(obj, y):
    return obj.__x


def generate(n):
    """A generator with all kinds of yields."""
    received = []
    for i in range(n):
        try:
            x = yield i
            received.append(x)
        except KeyError as error:
            received.append(error.args)
        finally:
            say(("finally", i))
    yield
    yield from received
    return "result"


def drain(generator):
    """All that a generator yields, and what it returns."""
    found = []
    while True:
        try:
            found.append(next(generator))
        except StopIteration as stop:
            return found, stop.value


@case(3, 0)
def generator_by_next(n):
    return drain(generate(n))


@case(4)
def generator_by_send(n):
    g = generate(n)
    found = [next(g), g.send("a"), g.send("b"), g.throw(KeyError("thrown"))]
    return found, drain(g)


@case(3)
def generator_closed(n):
    g = generate(n)
    next(g)
    g.close()
    return list(g)


@case(3)
def generator_thrown(n):
    g = generate(n)
    next(g)
    try:
        g.throw(ValueError("thrown"))
    except ValueError as error:
        return error.args, list(g)


@case(4, 0)
def generator_expressions(n):
    x = "outer"
    squares = (x * n for x in range(n) if x % 2)
    pairs = ((a, b) for a in range(n) for b in range(a))
    nested = any(any(y > 1 for y in range(x)) for x in (z for z in range(n)))
    lazy = (say(i) for i in say(range(n)))
    say("made")
    return list(squares), list(pairs), nested, next(lazy, None), x, sum(v for v in [1, 2]), {*(k for k in "ab")}


@case(3)
def generator_closure(n):
    found = [lambda: i for i in (j for j in range(n))]
    functions = list(lambda: (i, n) for i in range(n))
    total = (last := i for i in range(n))
    return [f() for f in found], [f() for f in functions], list(total), last


@case((3,), (None,))
def generator_fails(n):
    g = (1 // x for x in [1, 0, n])
    found = [next(g)]
    try:
        next(g)
    except ZeroDivisionError:
        say("division")
    found += list(g)
    return found, (x for x in n)


@case(3)
def stop_in_generator(n):
    def f():
        yield 1
        raise StopIteration

    g = f()
    next(g)
    next(g)


@case((range(3),), ([],), (5,))
def delegation(xs):
    def inner(x):
        yield x
        yield from (y for y in range(x))

    def outer():
        for x in xs:
            yield from inner(x)
        yield from xs

    return list(outer())


@case((3, 5))
def yields_in_expressions(a, b):
    def f():
        x = (yield a) + (yield b)
        say((yield x, (yield)))
        return (lambda: 5)()

    g = f()
    found = [next(g)]
    found += [g.send(1), g.send(2)]
    return found, drain(g)


@case(2)
def lambda_generator(n):
    f = lambda: (yield n)
    return drain(f())
