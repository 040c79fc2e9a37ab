"""Methods of lists that compare their elements, as Python for the machine to interpret."""

# mypy: ignore-errors

from __future__ import annotations

from adaptc.compiler.frontend import prelude


def equals(item, value):
    """Whether an element is a value: the same object, or equal (Objects/listobject.c asks in this order, so that eager
    PyTorch reads nothing where it is the same object)."""
    same = prelude.same_object(item, value)
    if same is None:
        alike = item == value
        if item.is_floating_point():
            alike = alike | ((item != item) & (value != value))
        if prelude.own_number(alike):
            return True
    elif same:
        return True
    return bool(item == value)


def list_index(items, value, start=0, stop=9223372036854775807):
    """list.index"""
    for place in range(*slice(start, stop).indices(len(items))):
        if equals(items[place], value):
            return place
    raise ValueError("the value is not in the list")


def grown_index(items, value):
    """list.index of a list whose length depends on data"""
    for place, item in enumerate(items):
        if equals(item, value):
            return place
    raise ValueError("the value is not in the list")


def list_count(items, value):
    """list.count"""
    found = 0
    for item in items:
        if equals(item, value):
            found += 1
    return found


def set_grown_item(items, index, value):
    """items[index] = value, of a list whose length depends on data"""
    put_element(items, _place(items, index, "list assignment index out of range"), value)


def _place(items, index, what):
    """The place in a list whose length depends on data that an index means."""
    total = len(items)
    if index < 0:
        index = index + total
    if index < 0 or index >= total:
        raise IndexError(what)
    return index


def grown_pop(items, index=-1):
    """list.pop of a list whose length depends on data"""
    index = _place(items, index, "pop index out of range")
    value = items[index]
    drop_element(items, index)
    return value


def delete_grown_item(items, index):
    """del items[index], of a list whose length depends on data"""
    drop_element(items, _place(items, index, "list assignment index out of range"))


def grown_remove(items, value):
    """list.remove of a list whose length depends on data"""
    drop_element(items, grown_index(items, value))


def grown_insert(items, index, value):
    """list.insert into a list whose length depends on data"""
    total = len(items)
    if index < 0:
        index = index + total
    if index < 0:
        index = 0
    elif index > total:
        index = total
    insert_element(items, index, value)


def drop_element(items, index):
    """Take the element at a place out of a list whose length depends on data; the machine does it."""
    raise NotImplementedError


def insert_element(items, index, value):
    """Put an element before a place of a list whose length depends on data; the machine does it."""
    raise NotImplementedError


def put_element(items, index, value):
    """Give a list whose length depends on data another element at a place that it has; the machine does it."""
    raise NotImplementedError


def list_contains(items, value, wanted=True):
    """value in items, or where not `wanted` its negation"""
    for item in items:
        if equals(item, value):
            return wanted
    return not wanted


def list_remove(items, value):
    """list.remove"""
    del items[list_index(items, value)]


def list_sort(items, *, key=None, reverse=False):
    """list.sort"""
    items[:] = prelude.sorted(items, key=key, reverse=reverse)
