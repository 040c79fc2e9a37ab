"""Runs units, ``.onnx`` files, with ONNX Runtime on the CPU: one session per unit.

Sessions open one after the other: ONNX Runtime holds Python's lock while it opens one, and threads gained nothing
(20 sessions: 19 ms in turn, 18 to 21 ms on two or four threads).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from adaptc.runtime.engines.base import EngineOptions, UnitCall
from adaptc.runtime.engines.channels import channels_in_a_block
from adaptc.runtime.errors import EngineError
from adaptc.runtime.manifest import Unit

Run = Callable[[list[str], dict[str, Any], None], list[Any]]
"""``InferenceSession.run``: output names, arrays by input name, no run options."""


class OnnxRuntimeEngine:
    """Raises `EngineError` if onnxruntime is not installed."""

    def __init__(self, options: EngineOptions) -> None:
        try:
            import onnxruntime  # type: ignore[import-untyped]
        except ImportError as error:
            raise EngineError(f"onnxruntime cannot be imported ({error}); pip install onnxruntime") from error
        self._options = options
        self._library = onnxruntime

    def file_of(self, unit: Unit) -> str:
        """The blocked form where this processor and this version of ONNX Runtime are those that it is for."""
        form = unit.blocked
        if form is None or form.version != self._library.__version__ or form.channels != channels_in_a_block():
            return unit.file
        return form.file

    def open(self, unit: Unit, file: Path) -> UnitCall:
        """Open a session, weights mapped from their file. Raises `EngineError` if ONNX Runtime refuses the file."""
        try:
            session = self._library.InferenceSession(
                str(file), self.session_options(), providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise EngineError(f"onnxruntime cannot open {file} (unit {unit.name!r}): {error}") from error
        declared = [value.name for value in session.get_inputs()]
        if sorted(declared) != sorted(spec.name for spec in unit.inputs):
            raise EngineError(
                f"{file} takes {declared}, but unit {unit.name!r} of manifest.json takes "
                f"{[spec.name for spec in unit.inputs]}; compile the network again"
            )
        # InferenceSession.run checks each call's names again: 1 µs more than the method that it then calls.
        run: Run = getattr(session, "_sess", session).run
        return _call(run, unit)

    def session_options(self) -> Any:
        """What a session is opened with."""
        options = self._library.SessionOptions()
        options.intra_op_num_threads = self._options.threads
        options.inter_op_num_threads = 1
        options.execution_mode = self._library.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self._library.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 4  # errors are raised, with the same text
        if self._options.threads > 1 and self._options.units > 1:
            # Each session has its own threads; those that spin after a call take the processor from the next unit.
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return options


def _call(run: Run, unit: Unit) -> UnitCall:
    """The thinnest callable for the unit's number of inputs."""
    names = [spec.name for spec in unit.inputs]
    outputs = [spec.name for spec in unit.outputs]

    if len(names) == 1:
        (only,) = names

        def call_one(array: Any) -> list[Any]:
            try:
                return run(outputs, {only: array}, None)
            except Exception as error:
                raise _failure(unit, error) from error

        return call_one

    if len(names) == 2:
        first, second = names

        def call_two(array: Any, other: Any) -> list[Any]:
            try:
                return run(outputs, {first: array, second: other}, None)
            except Exception as error:
                raise _failure(unit, error) from error

        return call_two

    def call_many(*arrays: Any) -> list[Any]:
        try:
            return run(outputs, dict(zip(names, arrays)), None)
        except Exception as error:
            raise _failure(unit, error) from error

    return call_many


def _failure(unit: Unit, error: Exception) -> EngineError:
    place = f" (from {unit.loc})" if unit.loc else ""
    return EngineError(f"onnxruntime failed on unit {unit.name!r}{place}: {error}")
