"""A session: calls that follow each other, each in the state that the one before it left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from adaptc.runtime.errors import InputError, SessionError
from adaptc.runtime.hosted import HostedProgram
from adaptc.runtime.inputs import Bind, Changed
from adaptc.runtime.manifest import Signature
from adaptc.runtime.probing import Value
from adaptc.runtime.stream import Stream
from adaptc.runtime.trace import Trace


class Session:
    """Calls of a network that keeps state (counters, statistics, caches); made by `Executable.session`.

    The first call begins with the state at compile time, every later one with the state that the call before left. A
    call that raises leaves the session as it was. Random numbers come from one stream that goes on from call to call.
    One thread at a time; sessions are independent of each other.
    """

    def __init__(
        self,
        programs: Sequence[HostedProgram],
        signature: Signature,
        bind: Bind,
        changed: Changed | None,
        check: Callable[[], None],
        seed: int,
    ) -> None:
        self._programs = programs
        self._bind = bind
        self._changed = changed
        self._check = check
        self._busy = threading.Lock()
        fixed = set(programs[0].program.fixed)
        self._fixed = [
            (name, number, axis)
            for number, spec in enumerate(signature.inputs)
            for axis, name in enumerate(spec.shape)
            if name in fixed
        ]
        self._current = programs[0]
        self._state: tuple[Any, ...] = ()
        self._sizes: dict[str, int] = {}
        self._calls = 0
        self._seed = seed
        self._stream = Stream(seed)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the network once more, as `Executable.__call__` does.

        Raises what that raises, `InputError` where a dimension differs that is the same in all calls of a session, and
        `SessionError` if another thread is calling.
        """
        with self._turn():
            targets = self._changed(args, kwargs) if self._changed else ()
            arrays = self._arrays(args, kwargs)
            current = self._current
            with self._drawing():
                block, outputs = current.run(*self._before(current), *arrays, *self._state)
            self._go_on(current, block, outputs, arrays)
            first = current.leaves[block]
            for target, new in zip(targets, outputs[first:]):
                np.copyto(target, new)
            return current.build[block](outputs)

    def trace(self, *args: Any, **kwargs: Any) -> Trace:
        """Run the network once more as a call does, and tell the path, the reads and each unit's time."""
        return self._traced(args, kwargs, {}, forced=False)[0]

    def run_forced(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Mapping[str, Sequence[Value | None]]
    ) -> Trace:
        """Run the network once more with the values of reads replaced, as `Executable.run_forced` does."""
        return self._traced(tuple(args), dict(kwargs), forced, forced=True)[0]

    def run_noted(
        self, args: Sequence[Any], kwargs: Mapping[str, Any], forced: Mapping[str, Sequence[Value | None]]
    ) -> tuple[Trace, Sequence[Value]]:
        """`run_forced`, with the values that the data would have given the reads."""
        return self._traced(tuple(args), dict(kwargs), forced, forced=True)

    def flat_inputs(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Sequence[Any]:
        """What the next call passes to its host program: a stream of random numbers, the arguments, the state."""
        arrays = self._arrays(tuple(args), dict(kwargs))
        stream = (self._stream.copy(),) if self._current.draws else ()
        return [*stream, *arrays, *self._state]

    @property
    def state(self) -> tuple[Any, ...]:
        """What the last call left for the next one: arrays and host scalars, which are not to be written into."""
        return self._state

    def reset(self) -> None:
        """Begin again: the next call is the first one of a new session."""
        with self._turn():
            self._current, self._state, self._sizes, self._calls = self._programs[0], (), {}, 0
            self._stream = Stream(self._seed)

    def copy(self) -> Session:
        """A session that goes on from here on its own, as for the candidates of a search."""
        with self._turn():
            copy = object.__new__(Session)
            copy.__dict__.update(self.__dict__)
            copy._busy = threading.Lock()
            # what a session gives out of its state is the caller's to write into
            copy._state = tuple(value.copy() if isinstance(value, np.ndarray) else value for value in self._state)
            copy._sizes = dict(self._sizes)
            copy._stream = self._stream.copy()
            return copy

    @property
    def calls(self) -> int:
        """The number of calls since the session began."""
        return self._calls

    @property
    def stage(self) -> int:
        """The number of the program that the next call takes: 0 for the first call's."""
        return next(number for number, program in enumerate(self._programs) if program is self._current)

    @property
    def state_bytes(self) -> int:
        """The size in bytes of the arrays that the last call left for the next one."""
        return sum(value.nbytes for value in self._state if isinstance(value, np.ndarray))

    def _traced(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], reads: Any, *, forced: bool
    ) -> tuple[Trace, Sequence[Value]]:
        with self._turn():
            targets = self._changed(args, kwargs) if self._changed else ()
            arrays = self._arrays(args, kwargs)
            current = self._current.by_block
            values = [*self._before(current), *arrays, *self._state]
            with self._drawing() as put_back:
                probe = current.probe(reads)
                trace, block, outputs = current.traced(probe, values, forced=forced)
                if trace.raises:
                    put_back()
            if not trace.raises:
                self._go_on(current, block, outputs, arrays)
                for target, new in zip(targets, trace.changed):
                    np.copyto(target, new)
            return trace, probe.natural

    def _before(self, current: HostedProgram) -> tuple[Stream, ...]:
        return (self._stream,) if current.draws else ()

    @contextmanager
    def _drawing(self) -> Iterator[Callable[[], None]]:
        """What was drawn is put back if the body raises, or calls what it is given."""
        kept = self._stream.copy() if any(program.draws for program in self._programs) else self._stream

        def put_back() -> None:
            self._stream = kept

        try:
            yield put_back
        except BaseException:
            put_back()
            raise

    def _arrays(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Sequence[Any]:
        arrays = self._bind(args, kwargs)
        for name, number, axis in self._fixed:
            size = arrays[number].shape[axis]
            known = self._sizes.get(name, size)
            if size != known:
                raise InputError(
                    f"{name!r} is {size}, and was {known} in the calls before: it is the same in all calls of a "
                    f"session; begin another with reset() or session()"
                )
        return arrays

    def _go_on(self, current: HostedProgram, block: int, outputs: tuple[Any, ...], arrays: Sequence[Any]) -> None:
        for name, place, axis in self._fixed:
            self._sizes[name] = arrays[place].shape[axis]
        self._calls += 1
        number = current.next[block]
        if number is not None:
            first = current.leaves[block] + len(current.program.changes)
            held = {id(value) for value in (*arrays, *outputs[:first])}
            # the caller may write into what it has given and got
            self._state = tuple(
                value.copy() if id(value) in held and isinstance(value, np.ndarray) else value
                for value in outputs[first:]
            )
            self._current = self._programs[1 + number]

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._check()
        if not self._busy.acquire(blocking=False):
            raise SessionError("a session is called from two threads at once; give each thread a session of its own")
        try:
            yield
        finally:
            self._busy.release()

    def __repr__(self) -> str:
        return f"<adaptc session after {self._calls} calls>"
