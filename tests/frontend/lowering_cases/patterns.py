"""``match`` statements."""

# ruff: noqa
from dataclasses import dataclass

from .registry import Cases, say

case = Cases()
LIMIT = 7


class Names:
    """Values for dotted patterns."""

    key = "k"
    one = 1


@dataclass
class Point:
    """A class with positional patterns."""

    x: object
    y: object = 0


class Plain:
    """A class without."""

    attribute = 5

    def __eq__(self, other):
        return type(other) is Plain


class Wrong:
    """A class whose positional patterns are no tuple."""

    __match_args__ = ["x"]

    def __eq__(self, other):
        return type(other) is Wrong


@case(0, 1, 2, "a", "b", None, True, False, -1, 2.5, 1 + 2j, b"x", LIMIT)
def values(x):
    match say(x):
        case None:
            return "none"
        case True:
            return "true"
        case 0 | "a":
            return "zero or a"
        case Names.one:
            return "one"
        case -1:
            return "minus one"
        case 2.5 | 1 + 2j:
            return "number"
        case b"x":
            return "bytes"
        case str() as text:
            return text
        case other if other == LIMIT:
            return other, "limit"
    return "end", x


@case(
    [],
    [1],
    [1, 2],
    [1, 2, 3],
    [3, 3, 3],
    ((5, 6),),
    "ab",
    [0, [1, 2]],
    [0, [1]],
    [9, 8, 7, 6],
    range(2),
    {1, 2},
    [[], []],
)
def sequences(x):
    match x:
        case []:
            return "empty"
        case [0, [a, b]]:
            return "nested", a, b
        case [9, *_, last]:
            return "last", last
        case [1, *rest]:
            return "rest", rest
        case [*start, 6]:
            return "start", start
        case (_, _):
            return "two"
        case [*_]:
            return "any"
        case _:
            return "no sequence"


@case([1, 2, 3, 4], [1, 2, 9, 4], [1], [])
def stars(x):
    match x:
        case [a, *_, 3, b]:
            return a, b
        case [a, *middle, b]:
            return a, middle, b
        case [*_] if say(len(x)):
            return "star"


@case({}, {"k": 1}, {"k": 1, "m": 2}, {"k": [1, 2], "n": 3}, {1: 2}, [1], {"z": {"k": 5}})
def mappings(x):
    match x:
        case {"k": [a, b], **rest}:
            return a, b, rest
        case {Names.key: value, "m": 2}:
            return "both", value
        case {"k": value}:
            return value
        case {"z": {"k": inner}}:
            return inner
        case {1: _}:
            return "one"
        case {**rest}:
            return "rest", rest
        case {}:
            return "never"


@case(Point(1, 2), Point(0, 0), Point([1], Point(3)), Point("s"), 5, "text", [1], Plain(), 2.5, True, {}, Wrong())
def classes(x):
    match x:
        case Point(0, 0):
            return "origin"
        case Point([a], y=Point(x=b)):
            return a, b
        case Point(x=str(text)):
            return text
        case Point(a, b):
            return a, b
        case bool(flag):
            return "bool", flag
        case int(n) | float(n):
            return "number", n
        case str():
            return "str"
        case list([element]):
            return element
        case Plain(missing=_):
            return "never"
        case Plain(attribute=n):
            return n
        case dict():
            return "dict"


@case(Point(1, 2), Plain(), Wrong(), 5)
def wrong_class_patterns(x):
    try:
        match x:
            case Plain(1):
                return "never plain"
            case Point(1, 2, 3):
                return "never point"
            case Wrong(1):
                return "never wrong"
            case int(1, 2):
                return "never int"
    except TypeError as error:
        say(str(error))
    match x:
        case LIMIT(1):
            return "never"


@case(Point(1, 1))
def repeated_attribute(x):
    match x:
        case Point(1, x=1):
            return "never"


@case({1: 2})
def repeated_key(x):
    match x:
        case {Names.one: 2, 1: 2}:
            return "never"


@case([1, 2], [2, 1], [3, 3], [4, 5], [0])
def alternatives(x):
    match x:
        case [1, a] | [a, 1]:
            return "one", a
        case [a, b] if a == b:
            return "equal", a
        case (a, b) as pair:
            say(pair)
    return a, b


@case([1, 2], [1, 3])
def captures_after_success(x):
    a = "before"
    match x:
        case [a, 3]:
            say(a)
        case [_, b] if say(a) == 1:
            return "never"
    return a


@case(range(4), [])
def in_loop(xs):
    found = []
    for x in xs:
        match x:
            case 0:
                continue
            case 3:
                break
            case n if n % 2:
                found.append(n)
            case _:
                try:
                    found.append(-x)
                finally:
                    say(x)
    else:
        return "else"
    return found
