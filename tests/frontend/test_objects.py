"""Python objects that states share: lists under two names, exceptions, generators, functions with defaults."""

from __future__ import annotations

import collections
import contextlib
import enum

import pytest
import torch
from torch import nn

from adaptc.compiler.errors import CompileError

from .checking import check, network, signs


class TwoNames(nn.Module):
    def forward(self, x):
        a = [x]
        b = a
        if x[0] > 0:
            b = [x * 2]
        b[0] = b[0] + 1
        table = {"v": x}
        other = {"v": x + 5}
        chosen = table if x[1] > 0 else other
        chosen["v"] = chosen["v"] * 3
        return a, b, a is b, table, other


def test_one_object_under_two_names_on_one_way():
    check(TwoNames(), signs(20, 3))


class Log(nn.Module):
    def forward(self, x):
        log = []

        @contextlib.contextmanager
        def noted():
            try:
                yield 1
            finally:
                log.append(2)

        with noted():
            if x[0] > 0:
                return log
        return log, x


def test_a_generator_as_context_manager():
    check(Log(), signs(10, 3), paths=2)


class Stop(Exception):
    pass


class Mode(enum.Enum):
    PLAIN = 1
    TWICE = 2


class ByMode(nn.Module):
    """A member of an enumeration goes through a join where it is the same, and keeps ways apart where it differs."""

    def step(self, x, mode=Mode.PLAIN):
        if x[1] > 0:
            x = x + 1
        return x * 2 if mode is Mode.TWICE else x

    def forward(self, x):
        x = self.step(x, mode=Mode.TWICE)
        return self.step(x, Mode.TWICE if x[0] > 0 else Mode.PLAIN)


def test_members_of_enumerations():
    check(ByMode(), signs(20, 3))


class Carried(nn.Module):
    def forward(self, x):
        try:
            if x[0] > 0:
                raise Stop(1, x)
            if x[1] > 0:
                raise Stop(2, x * 2)
        except Stop as stop:
            return x * stop.args[0], stop.args[1]
        return x, x


def test_what_exceptions_carry_is_merged():
    check(Carried(), signs(20, 3))


class Default(nn.Module):
    def forward(self, x):
        def append(y, kept=[]):  # noqa: B006
            kept.append(y)
            return len(kept), kept[-1]

        n, _ = append(x)
        if x.mean() > 0:
            n, _ = append(x)
        m, v = append(x + 1)
        return n, m, v


def test_default_arguments_that_change():
    check(Default(), signs(10, 3), paths=2)


class Ranked:
    def __init__(self, value):
        self.value = value

    def __lt__(self, other):
        return self.value.sum() < other.value.sum()


class Sorted(nn.Module):
    def forward(self, x):
        return sorted([Ranked(x), Ranked(-x), Ranked(x * 0)])[0].value


def test_sorting_objects_by_data():
    check(Sorted(), signs(10, 3))


class Holder:
    def __init__(self, log):
        self.log = log


class SharedAttribute(nn.Module):
    def forward(self, x):
        log = []
        holder = Holder(log)
        first = sorted([x, -x], key=lambda t: t[0].item())[0]
        log.append(3)
        holder.log.append(2)
        a = x * 1.0
        a.copy_(sorted([a, x.flip(0)], key=lambda t: t[0].item())[0])
        return first, log, a


def test_attributes_and_iterated_lists_keep_their_contents():
    check(SharedAttribute(), signs(12, 3))


class BoundMethods(nn.Module):
    def forward(self, x):
        a = x * 1.0
        total, kept = a.sum, []
        keep = kept.append
        if x[0] > 0:
            a.mul_(2)
            keep(a[0])
        keep(x[1] if x[1] > 0 else x[2])
        return total(), kept


def test_bound_methods_follow_their_objects():
    check(BoundMethods(), signs(16, 3))


class Counting(nn.Module):
    def items(self, x):
        total = x * 0
        for _ in range(2):
            if x[0] > 0:
                total = total + x
            yield total
        return total + 1

    def forward(self, x):
        generator = self.items(x)
        next(generator)
        next(generator)
        try:
            next(generator)
        except StopIteration as stop:
            value = stop.value
            if x[1] > 0:
                x = x * 2
            return value + x
        return x


def test_what_a_generator_returns():
    check(Counting(), signs(16, 3))


class ChangedIndex(nn.Module):
    def forward(self, x):
        i = x.argmax()
        i.sub_(3)
        return [1.0, 2.0, 3.0][i.item()] * x


def test_an_index_changed_in_place_may_be_negative():
    check(ChangedIndex(), signs(8, 3))


class ByTensor(nn.Module):
    def __init__(self):
        super().__init__()
        self.experts = nn.ModuleList([nn.Linear(3, 3) for _ in range(3)])

    def forward(self, x):
        i, k = x.argmin(), x.argmax().item()
        y = self.experts[i](x)
        if torch.softmax(y, -1)[y.argmax()] > 0.4:
            y = y * 2
        z = torch.stack([x, y])
        z[1, i] = 7.0
        return y, x[i], x[k], z[1, k], z[..., i], z[:, : i + 1].sum(), [5, 6, 7][i], x.narrow(0, i, 1), z.amax()


def test_tensors_and_lists_indexed_by_tensors():
    check(ByTensor(), signs(20, 3))


class Named(nn.Module):
    def forward(self, x):
        return {f"exit_{x.argmax().item()}": x}


def test_a_key_made_from_data_is_refused():
    with pytest.raises(CompileError, match="a name that contains a number"):
        check(Named(), signs(4, 3))


class Rows:
    """A cache as libraries write them: an object with a list of others, and things that are no tensors."""

    def __init__(self, dtype=torch.float32):
        self.layers = []
        self.dtype = dtype

    def update(self, row, index):
        if index == len(self.layers):
            self.layers.append(Row(row))
        else:
            self.layers[index].keys = torch.cat([self.layers[index].keys, row])
        return self.layers[index].keys


class Row:
    def __init__(self, keys):
        self.keys = keys
        self.kind = type(keys)


def with_rows(self, x, rows):
    for index in range(2):
        x = x + rows.update(self.lin(x), index).mean(0)
        if x.sum() > 3:
            x = x / 2
    return x, rows


def filled(*lengths):
    rows = Rows()
    rows.layers = [Row(torch.arange(length * 4.0).reshape(length, 4) / 10) for length in lengths]
    return rows


def test_an_object_as_argument_and_result():
    """An object is taken apart into the attributes that can be, and put together again."""
    calls = [(x, filled(length, length)) for (x,), length in zip(signs(6, 1, 4), (2, 1, 3, 4, 2, 5), strict=True)]
    dims = {f"rows.layers.{index}.keys": {0: "past"} for index in range(2)}
    program = check(network(with_rows, lin=nn.Linear(4, 4)), calls, dims=dims)
    assert [given.name for given in program.inputs] == ["x", "rows.layers.0.keys", "rows.layers.1.keys"]
    assert any("a Row among the arguments is changed by a call" in note for note in program.notes)


def test_an_object_that_is_filled_by_the_call():
    check(network(with_rows, lin=nn.Linear(4, 4)), [(x, Rows()) for (x,) in signs(4, 1, 4)])


class ShiftReduce(nn.Module):
    """A parser whose transitions are data: some empty its stack or its buffer, which raises."""

    def forward(self, words, transitions):
        buffer, stack = list(words.unbind(0)), []
        for transition in transitions:
            if transition == 0:
                stack.append(buffer.pop())
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(torch.tanh(left - right))
        return stack[-1]


def test_a_stack_that_is_empty_on_some_ways():
    words = torch.randn(3, 2)
    runs = [(0, 0, 1, 0, 1), (0, 0, 0, 1, 1), (0, 1, 0, 0, 1), (0, 0, 0, 0, 1), (0, 0, 1, 0, 0)]
    check(ShiftReduce(), [(words, torch.tensor(run)) for run in runs])


def test_a_row_that_a_tensor_does_not_have():
    def forward(self, x):
        return x[4] if x.sum() > 0 else x[3]

    check(network(forward), signs(6, 4, 2), paths=2)


def detached(held):
    return held.detach() if type(held) == torch.Tensor else tuple([detached(item) for item in held])  # noqa: E721


class AsksForTypes(nn.Module):
    """What SkipNet does with the hidden state of its gate, in functions that could run natively."""

    def forward(self, x):
        return x.mean(), *detached((x * 2, (x, x + 1)))


def test_a_function_that_asks_for_a_type_is_told_that_of_a_tensor():
    check(AsksForTypes(), signs(2, 3))
    check(nn.Sequential(nn.ReLU(), AsksForTypes()), signs(2, 3))


class Makers(collections.OrderedDict):
    """A table that makes what is asked for, as the activations of transformers do."""

    def __getitem__(self, name):
        return super().__getitem__(name)()

    def __iter__(self):
        raise AssertionError("nobody has asked for the names")


def test_the_contents_of_a_table_are_not_made_by_looking_at_it():
    def forward(self, x):
        makers = Makers(relu=nn.ReLU, tanh=nn.Tanh)
        dict.__setitem__(makers, "broken", lambda: float(x))
        if x.mean() > 0:
            makers.move_to_end("relu")
            x = x + 1
        return makers["relu"](x), makers["tanh"](x)

    check(network(forward), signs(4, 3), paths=2)
