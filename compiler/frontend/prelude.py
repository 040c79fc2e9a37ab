"""Builtins that test or call what they are given, as Python for the machine to interpret.

They are never run natively: inside them, tests on tensors fork and calls are followed.
"""

# mypy: ignore-errors

from __future__ import annotations

_MISSING = object()


def entry(model, args, kwargs):
    """The call that is captured."""
    return model(*args, **kwargs)


def any(iterable):
    """builtins.any"""
    for item in iterable:
        if item:
            return True
    return False


def all(iterable):
    """builtins.all"""
    for item in iterable:
        if not item:
            return False
    return True


def _extreme(items, key, default, wins):
    best = best_key = _MISSING
    for item in items:
        item_key = item if key is None else key(item)
        if best is _MISSING or wins(item_key, best_key):
            best, best_key = item, item_key
    if best is not _MISSING:
        return best
    if default is not _MISSING:
        return default
    raise ValueError("max() or min() of an empty sequence")


def max(*items, key=None, default=_MISSING):
    """builtins.max"""
    return _extreme(items[0] if len(items) == 1 else items, key, default, lambda a, b: a > b)


def min(*items, key=None, default=_MISSING):
    """builtins.min"""
    return _extreme(items[0] if len(items) == 1 else items, key, default, lambda a, b: a < b)


def sum(iterable, start=0):
    """builtins.sum"""
    total = start
    for item in iterable:
        total = total + item
    return total


def sorted(iterable, key=None, reverse=False):
    """builtins.sorted: a stable insertion sort that only asks for "less than"."""
    result = []
    for item in iterable:
        item_key = item if key is None else key(item)
        place = len(result)
        while place > 0:
            other = result[place - 1][0]
            if (other < item_key) if reverse else (item_key < other):
                place -= 1
            else:
                break
        result.insert(place, (item_key, item))
    return [item for _, item in result]


def enumerate(iterable, start=0):
    """builtins.enumerate"""
    count = start
    for item in iterable:
        yield count, item
        count += 1


def zip(*iterables, strict=False):
    """builtins.zip"""
    iterators = [iter(iterable) for iterable in iterables]
    while iterators:
        items = []
        for iterator in iterators:
            item = next(iterator, _MISSING)
            if item is _MISSING:
                return
            items.append(item)
        yield tuple(items)


def map(function, *iterables):
    """builtins.map"""
    for items in zip(*iterables):
        yield function(*items)


def filter(function, iterable):
    """builtins.filter"""
    for item in iterable:
        if item if function is None else function(item):
            yield item


def reduce(function, iterable, initial=_MISSING):
    """functools.reduce"""
    result = initial
    for item in iterable:
        result = item if result is _MISSING else function(result, item)
    return result


def drain(iterable):
    """All items that an iterator still has, as a list."""
    return [item for item in iterable]
