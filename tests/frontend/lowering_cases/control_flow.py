"""Statements: assignment, loops, deletion, imports."""

# ruff: noqa
from .registry import Cases, Probe, say

case = Cases()
P, Q = Probe("p"), Probe("q")
TOTAL = 0


class Box:
    """An object with attributes."""

    value = 1

    def __deepcopy__(self, memo):
        return Box()

    def __eq__(self, other):
        return vars(self) == vars(other)


@case(0, 1, 2, 3)
def branches(x):
    if x == 0:
        say("zero")
    elif x == 1:
        say("one")
        return "early"
    elif x == 2:
        pass
    else:
        say("many")
    if x:
        y = 1
    return y


@case(([],), ([1, 2, 3],), ([1, -1, 5],), ([0, 2, 9],), ([9, 1],))
def for_loop(xs):
    total = 0
    for index, x in enumerate(xs):
        if x < 0:
            break
        if not x:
            continue
        total += x
        if total > 8:
            return "big", index
    else:
        total = -total
    return total, index


@case(0, 1, 5, 7)
def while_loop(n):
    count = 0
    while n > 0:
        n -= 1
        if n == 5:
            break
        if n % 2:
            continue
        count += n
    else:
        return "done", count
    return count, n


@case(3, 0)
def endless(n):
    while True:
        n += 1
        while True:
            n += 1
            if n % 2:
                break
        while 1:
            if n > 9:
                return n
            break
        else:
            say("never")


@case(4, 0)
def loop_variable_survives(n):
    i = "before"
    for i in range(n):
        pass
    for j, k in zip(range(n), range(n)):
        for j in range(2):
            pass
    return i, j


@case(([1, 2, 3], 2), ([1], 5), ([], 0))
def loop_that_rebinds_its_iterable(xs, k):
    for x in xs:
        xs = [k]
        k = x
        while x:
            x -= 1
    return xs, k, x


@case(3)
def loop_targets(n):
    box, items = Box(), [0] * 3
    for box.value in range(n):
        pass
    for items[say(1)] in "ab":
        say(items[1])
    for (a, *items[0:2]), b in [((1, 2, 3), 4)]:
        say(items)
    return box.value, items, a, b


@case((1, 2), ("xy", "zw"))
def swap(a, b):
    a, b = b, a
    (a, b), [c, d] = (b, a), (a, b)
    x = y = z = a
    x, x = 1, 2
    return a, b, c, d, x, y, z


@case(([1, 2, 3],), ([1],), ([],), ("ab",), (iter(()),), (5,), (["a", "b", "c", "d"],))
def starred(xs):
    first, *middle, last = xs
    *start, end = xs
    (head, *tail) = xs
    return first, middle, last, start, end, head, tail


@case(([1, 2],), ([1],), ([1, 2, 3],), (None,))
def exact(xs):
    a, b = xs
    return a, b


@case()
def order_of_targets():
    x = [0, 0]
    i = 0
    i, x[i] = 1, 2
    x[i], i = 5, 0
    (j, x[j]), k = (1, 7), say(3)
    return x, i, j, k


@case(P)
def chained_targets(x):
    x[say(1)] = y = x[say(2)] = say(3)
    a = b = x
    a[0] = a = y
    return y, a, b is x


@case(([1, 2],), ((1, 2),))
def rebound_value(x):
    z = (x, y) = x
    return x, y, z


@case((Box(), [1, 2], {"k": 1}))
def augmented(box, items, table):
    box.value += 2
    items[say(0)] += say(5)
    items += [3]
    table["k"] *= 4
    table["m"] = table.get("m", 0) - 1
    n = 10
    n -= 1
    n *= 3
    n //= 2
    n %= 8
    n **= 2
    n <<= 2
    n >>= 1
    n |= 64
    n &= 127
    n ^= 3
    n /= 2
    global TOTAL
    TOTAL += n
    total, TOTAL = TOTAL, 0
    return box, items, table, n, total


@case(P)
def augmented_order(x):
    try:
        x[say(1)] += say(2)
    finally:
        say(x)[say(3)] -= say(1)
    n = 1
    n += (n := 5) + n
    return n


@case(5)
def annotated(x):
    y: int = x
    z: int
    say(P).name: say("never")
    say(P)[say(1)]: int
    say(Q)[0]: int = say(2)
    return y


@case(True, False)
def annotated_only(flag):
    if flag:
        y: int
    return y


@case((Box(), [1, 2, 3], 1), (Box(), [1, 2, 3], 0))
def deletion(box, items, k):
    box.extra = 1
    del box.extra, items[0], (items[say(0) : 1])
    x = y = z = 1
    del x, (y, [z])
    if k:
        x = 5
    say(items)
    try:
        del x
    except UnboundLocalError:
        say("unbound")
    del x


@case(3)
def deletion_in_loop(n):
    x = 0
    for i in range(n):
        try:
            say(x)
        except UnboundLocalError:
            say("unbound")
            x = i
        else:
            del x
    return x + say(1)


@case(2, 5)
def deletion_then_read(n):
    x = say(n)
    while n:
        n -= 1
        if n == 3:
            say(x + say(1))
            del x
    return x + say(2)


@case((0, "never"), (1, "message"))
def asserts(x, message):
    assert x >= 0, say("unused")
    assert x or x == 5, say(message)
    assert not x
    return x


@case()
def imports():
    import os.path
    import os.path as path, json
    import xml.etree.ElementTree as tree
    from os.path import join, split as divide
    from . import registry
    from .registry import say as speak

    return os.path is path, json.dumps([1]), tree.__name__, join("a", "b"), divide("a/b"), speak is say


@case(0, 1, 2)
def failing_imports(which):
    try:
        if which == 0:
            from json import no_such_name
        elif which == 1:
            import no_such_module
        else:
            from json import decoder, no_such_name as other
    except ModuleNotFoundError as error:
        return str(error)
    except ImportError as error:
        return str(error), error.name


@case(True, False)
def import_rebinds(flag):
    import json as loads

    if flag:
        from json import loads
    return loads.__name__


@case(1, 0)
def dead_code(x):
    if x:
        return 1
        say("never")
    else:
        raise ValueError(x)
    return f(lambda: 1)


@case(3)
def loop_with_only_continue(n):
    for i in range(n):
        continue
    while n:
        n -= 1
        if n:
            continue
        else:
            break
    for i in range(2):
        while i:
            i -= 1
    return i, n


@case((2, 3), (0, 3), (3, 0))
def nested_loops(n, m):
    found = []
    for i in range(n):
        for j in range(m):
            if j == i + 1:
                break
            if i == j:
                continue
            found.append((i, j))
        else:
            found.append("else")
            continue
        while found:
            found.append("w")
            break
    return found


@case(1, 0, 5)
def conditions_as_statements(x):
    x and say("and")
    x or say("or")
    say(1) if x else say(2)
    x == 5 == say(5)
    [say(y) for y in range(x)]
    -x
    ...
    "text"
