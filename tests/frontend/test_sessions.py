"""Networks that keep something from call to call, in sessions and in calls on their own."""

from __future__ import annotations

import collections
import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from adaptc.compiler.frontend.capture import capture
from adaptc.compiler.signature import bind

from .checking import check, check_session, signs


class Counter(nn.Module):
    """A counter and a running mean, both read; the last result, which is not."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.calls = 0
        self.register_buffer("mean", torch.zeros(4))
        self.last = None

    def forward(self, x):
        self.calls += 1
        self.mean.mul_(0.9).add_(0.1 * x.mean(0))
        y = self.lin(x) - self.mean
        if y.sum() > 0:
            y = y * 2
        if self.calls % 3 == 0:
            y = y + 100
        self.last = y
        return y, self.calls


class Cache(nn.Module):
    """A key-value cache that is None before the first call and grows with each."""

    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.cache = None

    def forward(self, x):
        k, v = self.k(x), self.v(x)
        if self.cache is not None:
            k, v = torch.cat([self.cache[0], k], 1), torch.cat([self.cache[1], v], 1)
        self.cache = (k, v)
        out = F.scaled_dot_product_attention(self.q(x), k, v)
        return out + 1 if out.mean() > 0 else out


class Recurrent(nn.Module):
    """A hidden state made by the first call, in its batch size."""

    def __init__(self):
        super().__init__()
        self.cell, self.out = nn.GRUCell(4, 6), nn.Linear(6, 2)
        self.hidden = None

    def forward(self, x):
        if self.hidden is None:
            self.hidden = torch.zeros(x.shape[0], 6)
        self.hidden = self.cell(x, self.hidden)
        y = self.out(self.hidden)
        return (y, True) if y.max() > 0.2 else (y * 3, False)


class Ring(nn.Module):
    """A buffer written at a place that a counter in a buffer says."""

    def __init__(self):
        super().__init__()
        self.register_buffer("rows", torch.zeros(4, 3))
        self.register_buffer("place", torch.zeros((), dtype=torch.long))
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        self.rows[int(self.place) % 4] = self.lin(x)
        self.place += 1
        return self.rows.mean(0) if self.place > 3 else self.rows.sum(0)


class Window(nn.Module):
    """A list of the last three results: four lengths, each with a program of its own."""

    def __init__(self):
        super().__init__()
        self.window = []
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        self.window.append(self.lin(x))
        if len(self.window) > 3:
            self.window.pop(0)
        return torch.stack(self.window).mean(0)


class History(nn.Module):
    """A list of all results, of any length."""

    def __init__(self):
        super().__init__()
        self.history = []
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        self.history.append(self.lin(x))
        y = torch.stack(self.history).mean(0)
        return y if y.sum() > 0 else y - 1


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.k, self.q = nn.Linear(6, 6), nn.Linear(6, 6)
        self.keys = None

    def forward(self, x):
        k = self.k(x)
        self.keys = k if self.keys is None else torch.cat([self.keys, k], 1)
        return x + F.scaled_dot_product_attention(self.q(x), self.keys, self.keys)


class ExitingLayers(nn.Module):
    """An early exit leaves the caches of some layers as they were: None, or shorter than others."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(3))
        self.head = nn.Linear(6, 5)
        self.exits = [0, 0, 0]

    def forward(self, x):
        for index, layer in enumerate(self.layers):
            x = layer(x)
            self.exits[index] += 1
            logits = self.head(x[:, -1])
            if logits.softmax(-1).max() > 0.35:
                break
        return logits, list(self.exits)


class Cleared(nn.Module):
    """A cache that is thrown away when it is full."""

    def __init__(self):
        super().__init__()
        self.cache = None
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        y = self.lin(x)
        self.cache = y if self.cache is None else torch.cat([self.cache, y], 0)
        result = self.cache.mean(0)
        if self.cache.shape[0] > 5:
            self.cache = None
        return result


class Threshold(nn.Module):
    """A threshold that follows the data, and statistics in a dict."""

    def __init__(self):
        super().__init__()
        self.threshold = 0.3
        self.lin = nn.Linear(3, 3)
        self.stats = {"calls": 0, "skipped": 0}

    def forward(self, x):
        y = self.lin(x)
        confidence = float(y.max())
        self.stats["calls"] += 1
        if confidence > self.threshold:
            self.threshold = 0.9 * self.threshold + 0.1 * confidence
            return y, self.threshold
        self.stats["skipped"] += 1
        self.threshold *= 0.95
        return y * (self.stats["skipped"] / self.stats["calls"]), self.threshold


class Phases(nn.Module):
    """A counter that chooses a module."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(3))
        self.step = 0

    def forward(self, x):
        y = self.layers[self.step % 3](x)
        self.step += 1
        return y if y.sum() > 0 else -y


class Memory:
    """An object that is no module."""

    def __init__(self):
        self.items = collections.deque(maxlen=2)
        self.total = 0.0


class Remembering(nn.Module):
    """State in an object of the user's own."""

    def __init__(self):
        super().__init__()
        self.memory = Memory()

    def forward(self, x):
        self.memory.total = self.memory.total * 0.5 + float(x.sum())
        self.memory.items.append(x * 2)
        return sum(self.memory.items) + self.memory.total if self.memory.total > 0 else x


class Raising(nn.Module):
    """A call that raises leaves the session as it was."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def forward(self, x):
        if x.sum() < -2:
            raise ValueError("too small")
        self.seen += 1
        return x + self.seen


class LoopState(nn.Module):
    """State that a loop changes."""

    def __init__(self):
        super().__init__()
        self.level = torch.zeros(3)
        self.steps = 0

    def forward(self, x):
        while self.level.sum() < x.sum():
            self.level = self.level + 0.5
            self.steps += 1
        self.level = self.level * 0.5
        return self.level, self.steps


class Returned(nn.Module):
    """A buffer that is returned, changed in place on one way and on another once more."""

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))

    def forward(self, x):
        self.total += x.sum(0)
        if x[0, 0] > 0:
            self.total.zero_()
        return self.total


class ListOfCaches(nn.Module):
    """Caches in a list, of sizes that depend on which exits were taken."""

    def __init__(self):
        super().__init__()
        self.caches = [None] * 2
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        for index, layer in enumerate(self.layers):
            keys = layer(x)
            known = self.caches[index]
            self.caches[index] = keys if known is None else torch.cat([known, keys], 0)
            x = torch.softmax(x @ self.caches[index].T, -1) @ self.caches[index]
            out = self.head(x)
            if out.max() > 0.3:
                return out, index
        return out, 3


LENGTHS = [(torch.randn(2, length, 8, generator=torch.Generator().manual_seed(length)),) for length in (5, 1, 1, 3, 1)]
ROWS = [(torch.randn(2, length, 6, generator=torch.Generator().manual_seed(length)),) for length in (4, 1, 1, 2, 1, 1)]
KEPT = {
    "counter": (Counter, signs(8, 3, 4), {}, 1),
    "key-value cache": (Cache, LENGTHS, {"x": {0: "batch", 1: "length"}}, 1),
    "hidden state": (Recurrent, signs(5, 2, 4), {"x": {0: "batch"}}, 1),
    "ring buffer": (Ring, signs(7, 3), {}, 1),
    "window": (Window, signs(7, 3), {}, 1),
    "history": (History, signs(7, 3), {}, 1),
    "exits and caches": (ExitingLayers, ROWS, {"x": {1: "length"}}, 3),
    "cleared": (Cleared, signs(9, 2, 3), {}, 2),
    "threshold": (Threshold, signs(9, 3), {}, 1),
    "phases": (Phases, signs(7, 3), {}, 1),
    "object": (Remembering, signs(7, 3), {}, 2),
    "raising": (Raising, signs(7, 3), {}, 1),
    "returned": (Returned, signs(7, 2, 4), {}, 1),
    "list of caches": (ListOfCaches, signs(7, 2, 4), {}, 2),
    "loop": (LoopState, signs(7, 3), {}, 1),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_call_leaves_is_what_the_next_begins_with(name):
    """The programs that a session goes on with give what eager gives, call after call."""
    make, calls, dims, programs = KEPT[name]
    torch.manual_seed(0)
    program = check(make(), calls, dims=dims)
    assert program.no_session == ""
    assert len(program.later) == programs


class Statistics(nn.Module):
    """What nothing reads is no state."""

    def __init__(self):
        super().__init__()
        self.calls, self.last = 0, None
        self.history = []
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x):
        self.calls += 1
        self.history.append(self.calls)
        self.count += 1
        self.last = x * 2 if x.sum() > 0 else x
        return self.last


def test_what_nothing_reads_is_dropped():
    from adaptc.compiler.driver import optimise

    program = check(Statistics(), signs(6, 3))
    assert program.later
    optimise(program)
    assert program.later == ()
    assert all("is changed by a call" in note for note in program.notes)
    check_session(program, Statistics(), signs(6, 3)[:1])


class Swapping(nn.Module):
    """The module that comes next is all that a call leaves."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.current = self.first

    def forward(self, x):
        y = self.current(x)
        self.current = self.second if x.sum() > 0 else self.first
        return y


class Mode(nn.Module):
    """A text is all that a call leaves."""

    def __init__(self):
        super().__init__()
        self.mode = None

    def forward(self, x):
        y = x if self.mode is None else x * 2 if self.mode == "run" else x - 1
        self.mode = "run" if x.sum() > 0 else "idle"
        return y


@pytest.mark.parametrize("make", [Swapping, Mode])
def test_a_structure_that_calls_leave_is_kept_without_values(make):
    from adaptc.compiler.driver import optimise

    torch.manual_seed(0)
    calls = signs(7, 3, 4)[::-1]
    model = make().eval()
    program = check(copy.deepcopy(model), calls)
    optimise(program)
    assert program.later
    check_session(program, model, calls)


class Own(nn.Module):
    """A buffer that is changed on one way, by an assignment, and given out."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(3))

    def forward(self, x):
        if x.sum() > 0:
            self.count += 1
        return x, self.count


def test_a_buffer_that_is_given_out():
    check(Own(), signs(7, 3))


class Changing(nn.Module):
    """Arguments that a call changes in place, on some ways."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)

    def forward(self, x, cache, place):
        if x.sum() > 0:
            cache["keys"].index_copy_(0, place, self.lin(x)[:1])
        cache["count"].add_(1)
        return self.lin(x) + cache["keys"].sum()


def test_arguments_changed_in_place():
    torch.manual_seed(0)
    calls = [
        (x, {"keys": torch.randn(5, 4), "count": torch.tensor(index)}, torch.tensor([index % 5]))
        for index, (x,) in enumerate(signs(8, 3, 4))
    ]
    program = check(Changing(), calls, paths=2)
    assert [program.inputs[number].name for number in program.changes] == ["cache.keys", "cache.count"]


class Unbounded(nn.Module):
    """Every call leaves a structure that none left before."""

    def __init__(self):
        super().__init__()
        self.nested = ()

    def forward(self, x):
        self.nested = (self.nested, x)
        return x if x.sum() > 0 else -x


def test_a_state_that_never_settles():
    model = Unbounded().eval()
    (call, *_) = signs(2, 3)
    program = capture(model, bind(model.forward, call), {}, "unbounded")
    assert program.later == ()
    assert "calls cannot follow each other in a session" in program.no_session
    assert __file__ in program.no_session
    check(copy.deepcopy(model), signs(4, 3))


class MakesModules(nn.Module):
    """Modules that a call makes and lets go, and one that it keeps."""

    def __init__(self, keeps):
        super().__init__()
        self.keeps = keeps
        self.scale = None

    def forward(self, x):
        x = nn.Softmax(dim=-1)(x) if x.sum() > 0 else nn.Softmax(dim=0)(x)
        if self.scale is not None:
            return self.scale(x) + 1
        if self.keeps:
            self.scale = nn.Sequential(nn.ReLU())
        return x


@pytest.mark.parametrize("keeps", [False, True])
def test_only_modules_that_something_leads_to_outlive_a_call(keeps):
    program = check(MakesModules(keeps), signs(7, 3))
    assert bool(program.later) == keeps
    assert any("MakesModules.scale is changed" in note for note in program.notes) == keeps
    assert not any("Softmax" in note for note in program.notes)


class Wrapping(nn.Module):
    """Wraps its layer anew in every call, in a module that notes something and is then forgotten."""

    class Counted(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return self.layer(x) / self.calls

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)

    def forward(self, x):
        counted = self.Counted(self.lin)
        x = counted(x)
        while x.abs().max() > 0.5:
            x = counted(x)
        return x, counted.calls


def test_modules_that_a_call_makes_for_itself_are_not_left_behind():
    program = check(Wrapping(), [(x * 3,) for (x,) in signs(10, 3)])
    assert not program.later
    assert not program.no_session
