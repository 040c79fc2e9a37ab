"""Runs the unmodified network in eager PyTorch with the values of its reads forced.

This shares nothing with capture: a torch function mode sees every operation by which a tensor becomes a
Python value, and hands the network the value that the chosen path asks for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from adaptc.compiler.structure import flatten, rebuild
from adaptc.compiler.verify.frames import UserLines
from adaptc.compiler.verify.independence import Independence
from adaptc.compiler.verify.margins import Margins
from adaptc.compiler.verify.operators import written_out
from adaptc.compiler.verify.seeded import Seeded
from adaptc.compiler.verify.state import preserved
from adaptc.runtime.hostprogram import Scalar

Number = bool | int | float

_ALIKE = 1e-3
"""How close two reads of one fixed number are at least."""


class ExpectedRead(NamedTuple):
    """Where a read of the program stands ("file:line"), its kind, the value to force (None: the data's own), whether
    it is certain that tensor code makes it from the inputs, and the value that the compiled network read."""

    loc: str
    kind: Scalar
    value: Number | None
    data: bool = False
    ours: Number | None = None

    def of_fixed(self, natural: Number) -> bool:
        """Whether it may be the read of a value that is the same for all inputs.

        What the program read where ways have met may be such a value on this path. It is told from numbers that the
        program has without a read, which the same statement may read as well, by its value.
        """
        if self.data:
            return False
        if self.kind == "bool" or self.value is not None or self.ours is None:
            return True
        both_nan = natural != natural and self.ours != self.ours
        return both_nan or math.isclose(natural, self.ours, rel_tol=_ALIKE, abs_tol=_ALIKE)


class EndlessRun(BaseException):
    """A call of the network takes more iterations than the caller allows. No handler of the network's catches it."""


@dataclass(frozen=True)
class EagerRead:
    """A tensor became a Python value: where, the kind and value the network got, and the data's own value.

    `expected` is the number of the expected read that it was taken for, if any. `margin` is the least
    relative change of a comparison's operands that could alter the value, where the value comes from
    comparisons.
    """

    loc: str
    kind: Scalar
    value: Number
    natural: Number
    expected: int | None
    margin: float | None


@dataclass(frozen=True)
class EagerRun:
    """How a call ended: with an output, or with the exception that it raised (`EndlessRun` where it was cut off).

    `reads` are all reads in order; `consumed` is how many of the expected ones were met, the first that was
    not being ``expected[consumed]``. `inputs` are the tensors of its arguments as the call left them.
    """

    output: Any
    reads: tuple[EagerRead, ...]
    exception: BaseException | None
    consumed: int
    inputs: tuple[torch.Tensor, ...] = ()

    @property
    def raises(self) -> str:
        """The name of the exception's class, "" where there is none."""
        return "" if self.exception is None else type(self.exception).__name__

    @property
    def matched(self) -> tuple[EagerRead, ...]:
        """The reads that the program has too."""
        return tuple(read for read in self.reads if read.expected is not None)


def run_eager_forced(
    model: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    reads: Sequence[ExpectedRead],
    within: TorchFunctionMode | None = None,
    random_seed: int | None = None,
    max_iterations: int | None = None,
    max_calls: int | None = None,
) -> EagerRun:
    """Call `model` on copies of its inputs, without gradients, forcing the values of `reads` in order.

    A read of the network is taken for the next expected one if it stands in the same statement, unless it is the
    same for all inputs and the expected one is not (`ExpectedRead.of_fixed`); others keep their values. Reads
    inside TorchScript, inside functions that PyTorch dispatches as a whole, and through NumPy are not seen. The
    network's attributes and buffers are put back afterwards. A mode `within` sees every call before the reads are
    forced. With a `random_seed`, random numbers come from its stream. A call that reads more than `max_iterations`
    values at one place is cut off, and one that makes more than `max_calls` calls of torch: a loop that ends by a
    size reads nothing.
    """
    _, leaves = flatten((args, dict(kwargs)), "static", root="input")
    given = [leaf.detach().clone() for leaf in leaves]
    call_args, call_kwargs = rebuild((args, dict(kwargs)), given)
    mode = _ForcingMode(reads, _own_tensors(model), Independence(model), max_iterations, max_calls)
    output: Any = None
    exception: BaseException | None = None
    # Compiled functions crash under a torch function mode; eager is what is wanted here anyway.
    with preserved(model), torch.no_grad(), torch.compiler.set_stance("force_eager"), written_out():
        try:
            seeded = nullcontext() if random_seed is None else Seeded(random_seed)
            with mode, within or nullcontext(), seeded:
                output = model(*call_args, **call_kwargs)
        except (Exception, EndlessRun) as error:  # noqa: BLE001 (whatever the network raises is its result)
            exception = error
        output = detached(output)
    return EagerRun(output, tuple(mode.reads), exception, mode.position, tuple(given))


def detached(output: Any) -> Any:
    """The output with tensors of its own: what happens to the network's state afterwards must not reach into it."""
    _, leaves = flatten(output, "leaf")
    with torch._C.DisableTorchFunction():
        copies = [leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    return rebuild(output, copies, "leaf")


def _own_tensors(model: Callable[..., Any]) -> dict[int, tuple[torch.Tensor, int]]:
    """The tensors that the network holds, by id, with their versions: reading one that a call has not changed is no
    read of data."""
    found: dict[int, tuple[torch.Tensor, int]] = {}
    modules = model.modules() if isinstance(model, torch.nn.Module) else ()
    for module in modules:
        for held in (*module._parameters.values(), *module._buffers.values(), *module.__dict__.values()):
            if isinstance(held, torch.Tensor) and not held.is_inference():
                found[id(held)] = (held, held._version)
    return found


def _scalar_kind(tensor: torch.Tensor) -> Scalar:
    if tensor.dtype == torch.bool:
        return "bool"
    return "float" if tensor.is_floating_point() else "int"


_TESTS = frozenset({torch.equal, torch.allclose, torch.Tensor.equal, torch.Tensor.allclose, torch.Tensor.__contains__})
_CONVERSIONS = frozenset(
    {
        torch.is_nonzero,
        torch.Tensor.is_nonzero,
        torch.Tensor.__bool__,
        torch.Tensor.__int__,
        torch.Tensor.__index__,
        torch.Tensor.__float__,
    }
)
"""Reads that make another number of a tensor's: the program reads the tensor's and converts it itself."""


class _ForcingMode(TorchFunctionMode):
    def __init__(
        self,
        expected: Sequence[ExpectedRead],
        own: Mapping[int, tuple[torch.Tensor, int]],
        independence: Independence,
        max_iterations: int | None,
        max_calls: int | None,
    ) -> None:
        super().__init__()
        self._own = own
        self._independence = independence
        self.reads: list[EagerRead] = []
        self.position = 0
        self._expected = expected
        self._lines = UserLines()
        self._most = max_iterations
        self._most_calls = max_calls
        self._calls = 0
        self._counts: Counter[str] = Counter()
        self._margins = Margins()
        self._reading = _reading_functions()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._calls += 1
        if self._most_calls is not None and self._calls > self._most_calls:
            raise EndlessRun(f"more than {self._most_calls} calls of torch are made (max_iterations)")
        if func not in self._reading:
            note_result = self._independence.call(func, args, kwargs or {})
            result = func(*args, **(kwargs or {}))
            note_result(result)
            self._margins.note(func, args, kwargs or {}, result)
            return result
        result = func(*args, **(kwargs or {}))
        tensor = args[0]
        margin = self._margins.of(tensor)
        held = self._own.get(id(tensor))
        if held is not None and held[0] is tensor and tensor._version == held[1]:
            return result
        kind: Scalar = "bool" if func in _TESTS else _scalar_kind(tensor)
        fixed = all(self._independence.holds(arg) for arg in args if isinstance(arg, torch.Tensor))
        if func is torch.Tensor.__format__:
            return result if tensor.dim() else format(self._value(tensor.item(), kind, margin, fixed), *args[1:])
        if func in _CONVERSIONS:
            return self._value(tensor.item(), kind, margin, fixed, type(result))
        if isinstance(result, list):
            return self._list(result, kind, margin, fixed)
        return self._value(result, kind, margin, fixed)

    def _value(
        self, natural: Any, wanted: Scalar, margin: float | None, fixed: bool, form: type[Number] | None = None
    ) -> Any:
        """What the network gets in place of `natural`, as a `form`; `fixed` tells that this is the same for all
        inputs."""
        if not isinstance(natural, (bool, int, float)):
            return natural if form is None else form(natural)
        line = self._lines.current()
        self._counts[line.loc] += 1
        if self._most is not None and self._counts[line.loc] > self._most:
            raise EndlessRun(f"more than {self._most} values are read at {line.loc} (max_iterations)")
        kind: Scalar = "bool" if isinstance(natural, bool) else "int" if isinstance(natural, int) else "float"
        value: Number = natural
        expected: int | None = None
        if self.position < len(self._expected):
            read = self._expected[self.position]
            alike = read.kind == wanted and (not fixed or read.of_fixed(natural))
            if alike and (not read.loc or line.matches(read.loc)):
                expected = self.position
                self.position += 1
                if read.value is not None:
                    value = type(natural)(read.value)
        self.reads.append(EagerRead(line.loc, kind, value, natural, expected, margin))
        given = value if form is None else form(value)
        if not fixed and not isinstance(given, bool):
            self._independence.read(given)
        return given

    def _list(self, values: list[Any], kind: Scalar, margin: float | None, fixed: bool) -> list[Any]:
        return [
            self._list(value, kind, margin, fixed)
            if isinstance(value, list)
            else self._value(value, kind, margin, fixed)
            for value in values
        ]


def _reading_functions() -> frozenset[Any]:
    """The functions of PyTorch that turn data into Python values."""
    tensor = torch.Tensor
    return frozenset(
        {
            tensor.__bool__,
            tensor.__int__,
            tensor.__float__,
            tensor.__index__,
            tensor.__format__,
            tensor.__contains__,
            tensor.item,
            tensor.tolist,
            tensor.is_nonzero,
            tensor.equal,
            tensor.allclose,
            torch.is_nonzero,
            torch.equal,
            torch.allclose,
        }
    )
