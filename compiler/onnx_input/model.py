"""Reading an ONNX model: its file, its rules, its functions written out, and the types of its values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import inliner, shape_inference
from onnx.external_data_helper import uses_external_data

from adaptc.compiler.errors import ModelFileError
from adaptc.compiler.onnx_input.composed import with_functions

LARGEST = 2**31 - 1
"""Bytes that a protocol buffer may have."""

MOST_LEVELS = 8
"""How deep operators that ONNX defines by others may be nested."""


@dataclass(frozen=True)
class Model:
    """A model that has been read. `path` is None for one that was given in memory; `original` is what it was."""

    proto: onnx.ModelProto
    original: onnx.ModelProto
    path: Path | None
    notes: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name of the model in messages and in locations."""
        return str(self.path) if self.path is not None else f"{self.name}.onnx"

    @property
    def folder(self) -> str:
        """Where external data is looked for."""
        return str(self.path.parent) if self.path is not None else ""

    @cached_property
    def name(self) -> str:
        """A name for the artifact: the file's or the graph's."""
        text = self.path.stem if self.path is not None else self.proto.graph.name
        return re.sub(r"\W+", "_", text).strip("_") or "network"

    @property
    def opset(self) -> int:
        """The version of the standard operators that the model is written in."""
        return next((entry.version for entry in self.proto.opset_import if entry.domain in ("", "ai.onnx")), 1)


def read_model(source: onnx.ModelProto | Path) -> Model:
    """Read a model from its file or as given. Raises `ModelFileError` where it is none, or breaks ONNX's rules."""
    if isinstance(source, onnx.ModelProto):
        path, original = None, source
    else:
        path = source.expanduser().resolve()
        if not path.is_file():
            raise ModelFileError(f"there is no file {source}")
        try:
            # weights in other files are read when they are needed
            original = onnx.load(path, load_external_data=False)
        except (DecodeError, OSError, ValueError) as error:
            raise ModelFileError(f"{source} cannot be read as an ONNX model: {error}") from error
    name = str(source) if path is not None else f"the model {original.graph.name!r}"
    if not original.graph.node and not original.graph.output:
        raise ModelFileError(f"{name} holds no graph: it is no ONNX model, or an empty one")
    if path is None and any(uses_external_data(tensor) for tensor in original.graph.initializer):
        raise ModelFileError(f"{name} keeps weights in other files, and which is not known here: give the model's path")
    try:
        onnx.checker.check_model(str(path) if path is not None else original)
    except onnx.checker.ValidationError as error:
        raise ModelFileError(f"{name} is not a valid ONNX model: {error}") from error
    except ValueError as error:
        if original.ByteSize() <= LARGEST:
            raise ModelFileError(f"{name} is not a valid ONNX model: {error}") from error
    return Model(_prepared(original, name), original, path)


def _prepared(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The model with functions written out, and with the types of values between nodes."""
    model = _without_types(model)
    try:
        if model.functions:
            model = inliner.inline_local_functions(model, convert_version=False)
        model = _inferred(model)
        for _ in range(MOST_LEVELS):
            written = with_functions(model)
            if written is None:
                break
            model = _inferred(inliner.inline_local_functions(written, convert_version=False))
        return model
    except (
        RuntimeError,
        ValueError,
        shape_inference.InferenceError,
    ) as error:  # onnx's errors of inference and of its inliner
        raise ModelFileError(f"{name} is not a valid ONNX model: {error}") from error


def _without_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without what the model says about values between its nodes: it may be out of date."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    return copy


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    return shape_inference.infer_shapes(model, check_type=True, strict_mode=False, data_prop=True)
