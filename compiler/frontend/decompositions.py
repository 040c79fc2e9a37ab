"""`ExportedProgram.run_decompositions({})` for many programs, whose preparation torch repeats for each.

Before each, torch registers some ten kernels for every composite operator that it has, and takes them away again. That
takes a quarter of a second, ten times as long as the decomposition of a small block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest import mock

from torch._subclasses.fake_impls import op_implementations_dict
from torch.export import ExportedProgram, exported_program
from torch.fx.experimental import symbolic_shapes
from torch.fx.experimental.symbolic_shapes import PendingUnbackedSymbolNotFound, compute_unbacked_bindings


class Decompositions:
    """Makes programs functional without decomposing operators that need not be; what torch prepares is kept."""

    def __init__(self) -> None:
        self._split: Any = None
        self._kernels: dict[Any, dict[Any, Any]] = {}
        self._fakes: dict[Any, Any] = {}

    def run(self, program: ExportedProgram) -> ExportedProgram:
        """`program.run_decompositions({})`."""
        if self._split is None:
            self._split = exported_program._split_decomp_table_to_cia_and_python_decomp({})
        override = (
            self._registered if self._kernels else self._first(exported_program._override_composite_implicit_decomp)
        )
        with (
            mock.patch.object(
                exported_program, "_split_decomp_table_to_cia_and_python_decomp", return_value=self._split
            ),
            mock.patch.object(exported_program, "_override_composite_implicit_decomp", override),
            mock.patch.object(symbolic_shapes, "compute_unbacked_bindings", _bindings),
        ):
            functional: ExportedProgram = program.run_decompositions({})
            return functional

    def _first(self, override: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """torch's own registration, after which is kept what it registered."""

        @contextmanager
        def registered(operators: dict[Any, Any]) -> Iterator[None]:
            with override(operators):
                self._kernels = {operator: dict(operator.py_kernels) for operator in operators}
                self._fakes = {key: op_implementations_dict[key] for key in operators if key in op_implementations_dict}
                yield

        return registered

    @contextmanager
    def _registered(self, operators: dict[Any, Any]) -> Iterator[None]:
        """The same registration as the first time, by exchanging tables."""
        before = {operator: dict(operator.py_kernels) for operator in operators}
        fakes = {key: op_implementations_dict[key] for key in operators if key in op_implementations_dict}
        _exchange(self._kernels)
        op_implementations_dict.update(self._fakes)
        try:
            yield
        finally:
            _exchange(before)
            for key in self._fakes.keys() - fakes.keys():
                del op_implementations_dict[key]


_SHARED: ContextVar[Decompositions | None] = ContextVar("decompositions", default=None)


@contextmanager
def sharing(decompositions: Decompositions) -> Iterator[None]:
    """Captures during the body use `decompositions`: who captures many small networks has torch prepare once."""
    token = _SHARED.set(decompositions)
    try:
        yield
    finally:
        _SHARED.reset(token)


def current() -> Decompositions:
    """Those that are shared, or new ones."""
    return _SHARED.get() or Decompositions()


def _bindings(shapes: Any, outputs: object, *args: Any, **kwargs: Any) -> Any:
    """`compute_unbacked_bindings`, but for sizes of views that torch makes again after a change and does not return."""
    try:
        return compute_unbacked_bindings(shapes, outputs, *args, **kwargs)
    except PendingUnbackedSymbolNotFound:
        shapes.pending_fresh_unbacked_symbols.clear()
        return None


def _exchange(kernels: dict[Any, dict[Any, Any]]) -> None:
    """Give each operator the Python kernels that it has in `kernels`, and no others."""
    for operator, own in kernels.items():
        operator.py_kernels.clear()
        operator.py_kernels.update(own)
        operator._dispatch_cache.clear()
