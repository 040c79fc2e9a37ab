"""Sessions of compiled networks: calls that follow each other."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import adaptc
from adaptc import InputError, SessionError
from adaptc.runtime import Executable


class Cached(nn.Module):
    """A cache that grows with each call, and a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.cache: torch.Tensor | None = None
        self.calls = 0

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        y = self.lin(x)
        self.cache = y if self.cache is None else torch.cat([self.cache, y], 1)
        self.calls += 1
        total = self.cache.sum(1)
        return (total, self.calls) if total.mean() > 0 else (total - 1, self.calls)


class Adding(nn.Module):
    """Changes its second argument in place."""

    def forward(self, x: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        total += x
        return total * 2 if x.sum() > 0 else total * 3


class Delaying(nn.Module):
    """Gives what the call before was given, and its own buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.zeros(4)
        self.register_buffer("calls", torch.zeros(1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        last, self.last = self.last, x * 1
        self.calls += 1
        return (last if x.sum() > 0 else -last), self.calls


class Nesting(nn.Module):
    """Every call leaves a structure that none left before."""

    def __init__(self) -> None:
        super().__init__()
        self.nested: Any = ()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.nested = (self.nested, x)
        return x if x.sum() > 0 else -x


def compiled(model: nn.Module, inputs: tuple[Any, ...], folder: Path, **options: Any) -> Executable:
    adaptc.compile(model.eval(), inputs, folder, **options)
    return adaptc.load(folder)


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> tuple[Executable, list[np.ndarray[Any, Any]], list[Any]]:
    """The compiled network, inputs, and what eager PyTorch gives for them one after the other."""
    torch.manual_seed(0)
    model = Cached().eval()
    calls = [torch.randn(2, length, 4) for length in (3, 1, 2, 1)]
    dynamic = {"x": {0: "batch", 1: "length"}}
    executable = compiled(model, (calls[0],), tmp_path_factory.mktemp("cached") / "a", dynamic=dynamic)
    with torch.no_grad():
        expected = [model(x) for x in calls]
    return executable, [x.numpy() for x in calls], expected


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0].numpy(), rtol=1e-5, atol=1e-6)
    assert found[1] == expected[1]


def test_calls_follow_each_other(cached: Any) -> None:
    executable, calls, expected = cached
    session = executable.session()
    for x, result in zip(calls, expected):
        same(session(x), result)
    assert session.calls == len(calls)
    assert session.state_bytes == 2 * 7 * 4 * 4
    assert repr(session) == "<adaptc session after 4 calls>"


def test_a_call_on_its_own_begins_with_the_state_at_compile_time(cached: Any) -> None:
    executable, calls, expected = cached
    for _ in range(2):
        same(executable(calls[0]), expected[0])


def test_reset_begins_again(cached: Any) -> None:
    executable, calls, expected = cached
    session = executable.session()
    session(calls[0])
    session.reset()
    for x, result in zip(calls, expected):
        same(session(x), result)


def test_sessions_and_copies_are_independent(cached: Any) -> None:
    executable, calls, expected = cached
    first, second = executable.session(), executable.session()
    same(first(calls[0]), expected[0])
    copy = first.copy()
    first(calls[2])
    same(second(calls[0]), expected[0])
    same(copy(calls[1]), expected[1])
    same(second(calls[1]), expected[1])


def test_results_and_inputs_may_be_written_over(cached: Any) -> None:
    executable, calls, expected = cached
    session = executable.session()
    for x, result in zip(calls, expected):
        given = x.copy()
        found = session(given)
        same(found, result)
        found[0][:] = 7
        given[:] = 7


def test_what_a_copy_gives_out_is_not_what_the_session_keeps(tmp_path: Path) -> None:
    session = compiled(Delaying(), (torch.ones(4),), tmp_path / "a").session()
    x = np.ones(4, dtype=np.float32)
    session(x)
    for result in (session.copy()(x), session.copy().trace(x).outputs):
        result[0][:] = 7
        result[1][:] = 7
    last, calls = session(x)
    np.testing.assert_array_equal(last, x)
    np.testing.assert_array_equal(calls, [2])


def test_a_trace_goes_on_too(cached: Any) -> None:
    executable, calls, expected = cached
    session = executable.session()
    for x, result in zip(calls, expected):
        trace = session.trace(x)
        same(trace.outputs, result)
        assert trace.path


def test_a_dimension_that_is_fixed_in_a_session(cached: Any) -> None:
    executable, calls, expected = cached
    session = executable.session()
    same(session(calls[0]), expected[0])
    with pytest.raises(InputError, match="'batch' is 3, and was 2 in the calls before"):
        session(np.zeros((3, 1, 4), "float32"))
    same(session(calls[1]), expected[1])
    session.reset()
    session(np.zeros((3, 1, 4), "float32"))


def test_two_threads(cached: Any) -> None:
    executable, calls, _ = cached
    session = executable.session()
    with session._busy:
        found: list[BaseException] = []

        def call() -> None:
            try:
                session(calls[0])
            except SessionError as error:
                found.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    assert "two threads" in str(found[0])


def test_a_closed_executable(tmp_path: Path) -> None:
    executable = compiled(Cached(), (torch.randn(2, 3, 4),), tmp_path / "a")
    session = executable.session()
    session(np.zeros((2, 3, 4), "float32"))
    executable.close()
    with pytest.raises(adaptc.AdaptcError, match="is closed"):
        session(np.zeros((2, 3, 4), "float32"))
    with pytest.raises(adaptc.AdaptcError, match="is closed"):
        executable.session()


def test_arguments_are_changed_in_place(tmp_path: Path) -> None:
    executable = compiled(Adding(), (torch.ones(3), torch.zeros(3)), tmp_path / "a")
    assert str(executable.signature) == "(x: float32[3], total: float32[3]) -> float32[3]  # changes total in place"
    x, total = np.ones(3, "float32"), np.zeros(3, "float32")
    for run in (executable, executable.session(), executable.trace):
        before = total.copy()
        run(x, total)
        np.testing.assert_array_equal(total, before + x)
    tensor = torch.zeros(3)
    executable(x, tensor)
    assert tensor.tolist() == [1, 1, 1]
    strided = np.zeros((3, 2), "float32")
    executable(x, total=strided[:, 0])
    np.testing.assert_array_equal(strided, [[1, 0]] * 3)
    total.flags.writeable = False
    with pytest.raises(InputError, match="argument 'total' cannot be written"):
        executable(x, total)


def test_a_network_without_state_has_sessions_too(tmp_path: Path) -> None:
    executable = compiled(nn.Sequential(nn.Linear(4, 2)), (torch.ones(1, 4),), tmp_path / "a")
    session = executable.session()
    x = np.ones((1, 4), "float32")
    np.testing.assert_array_equal(session(x), session(x))
    assert session.state_bytes == 0


def test_no_session(tmp_path: Path) -> None:
    model = Nesting().eval()
    report = adaptc.compile(model, (torch.ones(3),), tmp_path / "a")
    assert "cannot follow each other" in report.sessions["impossible"]
    executable = adaptc.load(tmp_path / "a")
    np.testing.assert_array_equal(executable(np.ones(3, "float32")), np.ones(3, "float32"))
    with pytest.raises(SessionError, match=r"cannot follow each other in a session(.|\n)*test_session.py:\d+"):
        executable.session()


class Sampling(nn.Module):
    """Draws, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, int]:
        self.calls += 1
        noise = torch.randn(4)
        if x.sum() < -100:
            raise ValueError("after the draw")
        return (x + noise, self.calls) if noise[0] > 0 else (x - noise * torch.rand(4), self.calls)


def test_random_numbers_of_calls_and_sessions(tmp_path: Path) -> None:
    executable = compiled(Sampling(), (torch.zeros(4),), tmp_path / "a", random_seed=3)
    x = np.zeros(4, "float32")
    first = executable(x)[0]
    np.testing.assert_array_equal(executable(x)[0], first)
    np.testing.assert_array_equal(executable.trace(x).outputs[0], first)
    session = executable.session()
    found = [session(x)[0] for _ in range(4)]
    np.testing.assert_array_equal(found[0], first)
    assert not np.array_equal(found[1], found[0])
    session.reset()
    again = [session(x)[0] for _ in range(2)]
    with pytest.raises(adaptc.NetworkError):
        session(np.full(4, -100, "float32"))
    copy = session.copy()
    again += [session(x)[0] for _ in range(2)]
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(copy(x)[0], found[2])
    other = adaptc.load(tmp_path / "a", random_seed=4)
    assert not np.array_equal(other(x)[0], first)
    np.testing.assert_array_equal(executable.session(random_seed=4)(x)[0], other(x)[0])
    assert all(result.ok for result in executable.verify())
    with pytest.raises(InputError, match="random_seed is -1"):
        executable.session(random_seed=-1)


def test_random_numbers_without_adaptc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable = compiled(Sampling(), (torch.zeros(4),), tmp_path / "drawing", random_seed=3)
    monkeypatch.syspath_prepend(tmp_path)
    from importlib import import_module

    run = import_module("drawing.host").load()
    x = np.zeros(4, "float32")
    np.testing.assert_array_equal(run(x)[0], executable(x)[0])
