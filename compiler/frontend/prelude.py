"""Builtins that test or call what they are given, as Python for the machine to interpret.

They are never run natively: inside them, tests on tensors fork and calls are followed.
"""

# mypy: ignore-errors

from __future__ import annotations

import torch

_MISSING = object()


def entry(model, args, kwargs):
    """The call that is captured."""
    return model(*args, **kwargs)


def changing_entry(model, args, kwargs):
    """The call that is captured, where it changes its arguments in place."""
    return model(*args, **kwargs), args, kwargs


def session(model, args, kwargs):
    """Call after call, each in the state that the one before it left."""
    while True:
        args, kwargs = next_call(model(*args, **kwargs), args, kwargs)


def next_call(result, args, kwargs):
    """Give the application the result of a call with `args`; the arguments of the next one. The machine answers it."""
    raise NotImplementedError


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


def divmod(a, b):
    """builtins.divmod"""
    return a // b, a % b


def sorted(iterable, key=None, reverse=False):
    """builtins.sorted, asking "less than" of the same pairs in the same order as CPython does for short lists: a first
    run, then binary insertion (Objects/listobject.c, count_run and binarysort)."""
    pairs = []
    for item in iterable:
        pairs.append((item if key is None else key(item), item))
    if reverse:
        pairs.reverse()
    count = len(pairs)
    run = 1
    if count > 1:
        run = 2
        if pairs[1][0] < pairs[0][0]:
            while run < count:
                if not pairs[run][0] < pairs[run - 1][0]:
                    break
                run += 1
            pairs[:run] = pairs[:run][::-1]
        else:
            while run < count:
                if pairs[run][0] < pairs[run - 1][0]:
                    break
                run += 1
    for start in range(run, count):
        pivot = pairs.pop(start)
        left, right = 0, start
        while left < right:
            middle = (left + right) // 2
            if pivot[0] < pairs[middle][0]:
                right = middle
            else:
                left = middle + 1
        pairs.insert(left, pivot)
    if reverse:
        pairs.reverse()
    return [item for _, item in pairs]


def enumerate(iterable, start=0):
    """builtins.enumerate"""
    count = start
    for item in iterable:
        yield count, item
        count += 1


def next_item(iterator, *default):
    """builtins.next"""
    for item in iterator:
        return item
    if not default:
        raise StopIteration
    return default[0]


def zip(*iterables, strict=False):
    """builtins.zip"""
    iterators = [iter(iterable) for iterable in iterables]
    while iterators:
        items = []
        for iterator in iterators:
            item = next(iterator, _MISSING)
            if item is _MISSING:
                if strict and items:
                    raise ValueError("zip() argument 2 is shorter than argument 1")
                if strict:
                    for other in iterators[1:]:
                        if next(other, _MISSING) is not _MISSING:
                            raise ValueError("zip() argument 2 is longer than argument 1")
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


def close(generator):
    """The ``close`` method of a generator that waits inside a try or with statement."""
    try:
        generator.throw(GeneratorExit())
    except (GeneratorExit, StopIteration):
        return
    raise RuntimeError("generator ignored GeneratorExit")


def bincount(input, weights=None, minlength=0):
    """torch.bincount with a length that is known: the values must be below `minlength`."""
    if not indices_below(input, minlength) and not (input.numel() == 0 or own_number(input.max()) < minlength):
        raise RuntimeError("bincount() of a value that is not below minlength; the compiled network needs a larger one")
    return counted(input, weights, minlength)


def squeeze(input, dims):
    """torch.squeeze of several dimensions, the last one first."""
    for dim in dims:
        if input.shape[dim] == 1:
            input = input.select(dim, 0)
    return input


def argmax(a):
    """numpy.argmax of a list of numbers: a NaN counts as the greatest."""
    best = 0
    for place in range(1, len(a)):
        if a[best] == a[best] and (a[place] > a[best] or a[place] != a[place]):
            best = place
    return best


def argmin(a):
    """numpy.argmin of a list of numbers: a NaN counts as the least."""
    best = 0
    for place in range(1, len(a)):
        if a[best] == a[best] and (a[place] < a[best] or a[place] != a[place]):
            best = place
    return best


class FunctionContext:
    """What a torch.autograd.Function keeps for its backward, which is never run."""

    def __init__(self, args):
        self.needs_input_grad = tuple([isinstance(arg, torch.Tensor) and arg.requires_grad for arg in args])
        self.saved_tensors = ()

    def save_for_backward(self, *tensors):
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors):
        pass

    def mark_dirty(self, *args):
        pass

    def mark_non_differentiable(self, *args):
        pass

    def set_materialize_grads(self, value):
        pass


def apply_function(function, *args, **kwargs):
    """torch.autograd.Function.apply"""
    context = FunctionContext(args)
    with torch.no_grad():
        if function.setup_context is torch.autograd.Function.setup_context:
            return function.forward(context, *args, **kwargs)
        output = function.forward(*args, **kwargs)
        function.setup_context(context, args, output)
        return output


def cond(pred, true_fn, false_fn, operands=()):
    """torch.cond"""
    if pred:
        return true_fn(*operands)
    return false_fn(*operands)


def while_loop(cond_fn, body_fn, carried_inputs, additional_inputs=()):
    """torch._higher_order_ops.while_loop"""
    carried = tuple(carried_inputs)
    while cond_fn(*carried, *additional_inputs):
        carried = tuple(body_fn(*carried, *additional_inputs))
    return carried


def map_rows(f, xs, *args):
    """functorch's ``map`` over the rows of a tensor, or of several."""
    if isinstance(xs, (tuple, list)):
        rows = [f(type(xs)(row), *args) for row in zip(*xs)]
    else:
        rows = [f(row, *args) for row in xs]
    return stacked(rows)


def map_impl(f, xs, pos_args=()):
    """torch.ops.higher_order.map_impl"""
    return stacked([f(*[x[i] for x in xs], *pos_args) for i in range(xs[0].shape[0])])


def stacked(rows):
    """Results of one structure, put together row by row."""
    if isinstance(rows[0], (tuple, list)):
        return type(rows[0])([torch.stack([row[i] for row in rows]) for i in range(len(rows[0]))])
    return torch.stack(rows)


def indices_below(indices, bound):
    """Whether indices are known to lie below a bound; the machine knows."""
    raise NotImplementedError


def same_object(item, value):
    """Whether two values are one object, None where only data tells; the machine knows."""
    raise NotImplementedError


def own_number(tensor):
    """A number that eager PyTorch does not read here; the machine reads it."""
    raise NotImplementedError


def counted(input, weights, length):
    """torch.bincount of values below `length`; the machine records it."""
    raise NotImplementedError


def grown_count(segment):
    """The number of elements of a segment; the machine computes it."""
    raise NotImplementedError


def grown_element(segment, index):
    """An element of a segment; the machine takes it."""
    raise NotImplementedError


def grown_item(before, segment, after, index):
    """An element of a list that consists of `before`, the elements of a segment, and `after`."""
    rows = grown_count(segment)
    total = len(before) + rows + len(after)
    if index < 0:
        index = index + total
    if index < 0 or index >= total:
        raise IndexError("list index out of range")
    if before and index < len(before):
        return before[index]
    if not after or index < len(before) + rows:
        return grown_element(segment, index - len(before))
    return after[index - len(before) - rows]


def drain(iterable):
    """All items that an iterator still has, as a list."""
    return [item for item in iterable]
