"""Writes ``host.py``: the host program as a file on NumPy and ONNX Runtime alone, to be read and to be copied out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from adaptc.runtime.errors import EngineError
from adaptc.runtime.expressions import literal
from adaptc.runtime.hostcheck import check
from adaptc.runtime.hostprogram import Branch, HostProgram, Return, Switch, units_of
from adaptc.runtime.identifiers import identifier
from adaptc.runtime.manifest import Argument, Manifest, Unit
from adaptc.runtime.placement import Limits
from adaptc.runtime.printing import RESERVED, HostPrinter, Lines, tuple_text
from adaptc.runtime.signature import call_signature
from adaptc.runtime.steps import StepPrinter
from adaptc.runtime.stream import Stream
from adaptc.runtime.synthesis import unit_identifiers
from adaptc.runtime.tree import (
    DictNode,
    Leaf,
    ListNode,
    NamedTupleNode,
    RecordNode,
    RowsNode,
    Static,
    Tree,
    TupleNode,
)
from adaptc.runtime.treecheck import leaf_indices, nodes

HEAD = '''"""The host program of a compiled network, as Python on NumPy and ONNX Runtime alone.

Written by adaptc from plan.json (host.json where there is none), to be read and to be copied out: adaptc itself never
runs it.

    run = load("path/to/the/artifact")  # the folder that holds units/
    outputs = run(...)  # NumPy arrays in the order of the network's own arguments; nothing is checked
"""

from __future__ import annotations

import collections
import copy
import math
import types
from pathlib import Path

import numpy as np
import onnxruntime


class NetworkError(Exception):
    """The network itself raises on the path that the inputs take."""


def open_unit(file, inputs, outputs, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def call(*arrays):
        return session.run(outputs, dict(zip(inputs, arrays)))

    return call
'''

LOAD = '''def load(folder=Path(__file__).parent, threads=1):
    """Open the units below `folder`; the function that is returned runs the network."""
    folder = Path(folder)
'''


def write_host_source(folder: Path, program: HostProgram, manifest: Manifest) -> None:
    """Write ``host.py`` to `folder`; of `manifest`, name, signature and units are used.

    Raises `ArtifactError` if the program is not well formed, `EngineError` if a unit is not for onnxruntime.
    """
    (folder / "host.py").write_text(host_file(program, manifest), encoding="utf-8")


def host_file(program: HostProgram, manifest: Manifest) -> str:
    """The text of ``host.py``. Raises as `write_host_source` does."""
    check(program, manifest)
    used = units_of(msgspec.structs.replace(program, later=()))
    units = [unit for unit in manifest.units if unit.name in used]
    for unit in units:
        if unit.engine != "onnxruntime":
            raise EngineError(f"host.py cannot be written: unit {unit.name!r} is for {unit.engine}")
    printer = FilePrinter(program, manifest, units)
    lines: Lines = [*_openings(units), (1, "")]
    lines += [(1, f"# {_comment(manifest.name)}{_comment(str(call_signature(manifest.signature, program)))}")]
    lines += [*printer.class_lines(), *printer.functions(1), (1, ""), (1, "return run")]
    stream = f"\n\n{inspect.getsource(Stream)}\n\n" if printer.draws else "\n\n"
    return HEAD + stream + LOAD + "".join(f"{'    ' * level}{text}".rstrip() + "\n" for level, text in lines)


class FilePrinter(HostPrinter):
    """Prints the host with nested arguments and results, and with the user's lines as comments."""

    def __init__(self, program: HostProgram, manifest: Manifest, units: Sequence[Unit]) -> None:
        names = unit_identifiers(units)
        super().__init__(program, units, manifest.signature.inputs, names, Limits())
        self.steps = _CommentedSteps(program, self.steps.units, names, self.kinds)
        self.signature = manifest.signature
        self.classes: dict[tuple[str, tuple[str, ...]], str] = {}
        self.reserved = {
            *RESERVED,
            *names.values(),
            "collections",
            "copy",
            "types",
            "Stream",
            "folder",
            "threads",
            "load",
            "run",
        }
        for block in program.blocks:
            if isinstance(block.terminator, Return):
                self._name_classes(block.terminator.tree)

    def head(self) -> str:
        parameters: list[str] = []
        flat = self.parameters(self.index[self.program.entry])
        for argument, name in self._arguments():
            if argument.kind == "keyword" and "*" not in parameters:
                parameters.append("*")
            parameters.append(flat[argument.tree.index] if isinstance(argument.tree, Leaf) else name)
        return f"run({', '.join(parameters)})"

    def first_lines(self, level: int) -> Lines:
        flat = self.parameters(self.index[self.program.entry])
        lines: Lines = [(level, f"stream = Stream({self.program.seed})")] if self.draws else []
        for argument, name in self._arguments():
            if not isinstance(argument.tree, Leaf):
                lines += [(level, f"{flat[index]} = {text}") for index, text in _leaves(argument.tree, name)]
        return lines

    def block_steps(self, block: int) -> list[str]:
        return [f"# {_comment(self.program.blocks[block].name)}", *super().block_steps(block)]

    def returned(self, block: int, outputs: list[str]) -> str:
        terminator = self.program.blocks[block].terminator
        assert isinstance(terminator, Return)
        return self._nested(terminator.tree, outputs)

    def comment(self, block: int) -> str:
        terminator = self.program.blocks[block].terminator
        return _behind(terminator.loc) if isinstance(terminator, Branch | Switch | Return) else ""

    def class_lines(self) -> Lines:
        """Classes for named tuples among the results."""
        return [
            (1, f"{name} = collections.namedtuple({original!a}, [{', '.join(map(ascii, fields))}])")
            for (original, fields), name in self.classes.items()
        ]

    def _arguments(self) -> Iterable[tuple[Argument, str]]:
        """The arguments that carry tensors, with the identifiers of those that are nested."""
        taken = {*self.reserved, *self.parameters(self.index[self.program.entry])}
        for argument in self.signature.arguments:
            if leaf_indices(argument.tree):
                name = identifier(argument.name, taken)
                taken.add(name)
                yield argument, name

    def _name_classes(self, tree: Tree) -> None:
        for node in nodes(tree):
            if isinstance(node, NamedTupleNode) and (node.name, node.fields) not in self.classes:
                taken = {*self.reserved, *self.classes.values()}
                self.classes[node.name, node.fields] = identifier(f"make {node.name}", taken)

    def _nested(self, tree: Tree, outputs: list[str]) -> str:
        match tree:
            case Leaf(index=index):
                return outputs[index]
            case Static(value=value):
                return literal(value)
            case TupleNode(items=items):
                return tuple_text([self._nested(item, outputs) for item in items])
            case ListNode(items=items):
                return f"[{', '.join(self._nested(item, outputs) for item in items)}]"
            case RowsNode(sequence=sequence, items=items):
                indices = leaf_indices(tree)
                rows = {i: f"{outputs[i]}[row]" + ".item()" * (i in tree.numbers) for i in indices}
                element = self._nested(items[0], [rows.get(i, text) for i, text in enumerate(outputs)])
                body = f"{element} for row in range(len({outputs[indices[0]]}))"
                return f"[{body}]" if sequence == "list" else f"tuple([{body}])"
            case DictNode(keys=keys, items=items):
                pairs = (f"{literal(key)}: {self._nested(item, outputs)}" for key, item in zip(keys, items))
                return f"{{{', '.join(pairs)}}}"
            case NamedTupleNode(name=name, fields=fields, items=items):
                values = ", ".join(self._nested(item, outputs) for item in items)
                return f"{self.classes[name, fields]}({values})"
            case RecordNode(fields=fields, items=items):
                pairs = (f"{field}={self._nested(item, outputs)}" for field, item in zip(fields, items))
                return f"types.SimpleNamespace({', '.join(pairs)})"


class _CommentedSteps(StepPrinter):
    def comment(self, loc: str) -> str:
        return _behind(loc)


def _openings(units: Iterable[Unit]) -> Lines:
    lines: Lines = []
    for unit, name in unit_identifiers(units).items():
        found = next(candidate for candidate in units if candidate.name == unit)
        inputs, outputs = ([spec.name for spec in specs] for specs in (found.inputs, found.outputs))
        names = f"[{', '.join(map(ascii, inputs))}], [{', '.join(map(ascii, outputs))}]"
        lines.append((1, f"{name} = open_unit(folder / {found.file!a}, {names}, threads)"))
    return lines


def _leaves(tree: Tree, text: str) -> list[tuple[int, str]]:
    """The leaves of an argument, with the text that takes them out of it."""
    match tree:
        case Leaf(index=index):
            return [(index, text)]
        case TupleNode(items=items) | ListNode(items=items):
            places = [f"{text}[{i}]" for i in range(len(items))]
        case DictNode(keys=keys, items=items):
            places = [f"{text}[{literal(key)}]" for key in keys]
        case NamedTupleNode(fields=fields, items=items) | RecordNode(fields=fields, items=items):
            places = [f"{text}.{field}" for field in fields]
        case _:
            return []
    return [leaf for item, place in zip(items, places) for leaf in _leaves(item, place)]


def _comment(text: str) -> str:
    """Text of the artifact in a comment: one line of ASCII, whatever it holds."""
    return ascii(text)[1:-1]


def _behind(loc: str) -> str:
    return f"  # {_comment(loc)}" if loc else ""
