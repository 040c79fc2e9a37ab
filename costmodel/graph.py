"""The tensor code of a block as a graph: calls with their arguments resolved, and who uses what."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from adaptc.costmodel.errors import MlirError
from adaptc.costmodel.mlir import Block, Operation, Tensor, tensor_type

DTYPES = {"f64": 8, "si64": 8, "ui64": 8, "complex<f32>": 8, "f32": 4, "si32": 4, "ui32": 4, "f16": 2, "bf16": 2} | {
    "si16": 2,
    "ui16": 2,
    "si8": 1,
    "ui8": 1,
    "i1": 1,
    "f8E4M3FN": 1,
    "f8E5M2": 1,
}
"""The bytes of an element by its type in MLIR."""

_CAST = "torch.tensor_static_info_cast"


@dataclass(frozen=True)
class Value:
    """A tensor in a block: `shape` has an extent for each that the text leaves open too. It is `constant` where no
    input of the block has part in it, so that the engine computes it once, when it opens the unit. It is `open` where
    the text leaves an extent open, which keeps the engine from some of its kernels."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    constant: bool = False
    open: bool = False

    @property
    def elements(self) -> int:
        """How many elements it has."""
        count = 1
        for extent in self.shape:
            count *= extent
        return count

    @property
    def bytes(self) -> int:
        """How many bytes its elements take."""
        return self.elements * DTYPES.get(self.dtype, 4)

    @property
    def is_float(self) -> bool:
        """Whether its elements are floating-point numbers."""
        return self.dtype.startswith(("f", "bf"))


@dataclass(frozen=True)
class Call:
    """A call of an operator, "add" for ``torch.aten.add.Tensor``. Its arguments are tensors, Python numbers, lists of
    them, text, or None; a number that only data knows is None too."""

    name: str
    args: tuple[Any, ...]
    results: tuple[Value, ...]
    line: int

    @property
    def result(self) -> Value:
        """The first result."""
        return self.results[0]

    @property
    def tensors(self) -> list[Value]:
        """The tensors among its arguments, those in lists too."""
        return list(_tensors(self.args))


@dataclass
class Graph:
    """`inputs` are the tensors that the code takes, `outputs` those of its results that are used behind it. `uses`
    counts by name how often a tensor is used, by calls or as an output."""

    calls: list[Call] = field(default_factory=list)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    uses: Counter[str] = field(default_factory=Counter)
    users: dict[str, list[Call]] = field(default_factory=dict)

    def only_user(self, value: Value) -> Call | None:
        """The call that alone uses `value`, once."""
        users = self.users.get(value.name, [])
        return users[0] if self.uses[value.name] == 1 and users else None


HIDDEN = "?"
"""The name of extents that come up within code and have none, as MLIR writes them."""


def graph_of(block: Block, unknown: int = 1, sizes: Mapping[str, int] | None = None) -> Graph:
    """The tensor code of `block`.

    An extent that the text leaves open is that in `sizes` under its name, where it is one of an argument; one of a
    result is taken to be that of an operand in the same place. Where that tells nothing, it counts as what `sizes` has
    under `HIDDEN`, or as `unknown`.

    Raises `MlirError` for a value that is not defined, and for a tensor whose type cannot be read.
    """
    sizes = sizes or {}
    return _Builder(block, sizes.get(HIDDEN, unknown), sizes).build()


class _Builder:
    def __init__(self, block: Block, unknown: int, sizes: Mapping[str, int]) -> None:
        self._block = block
        self._unknown = unknown
        self._sizes = sizes
        self._open: dict[str, frozenset[int]] = {}
        self._known: dict[str, Any] = {}
        self._graph = Graph()
        self._computed: set[str] = set()
        self._taken: dict[str, Value] = {}
        self._given: list[Value] = []

    def build(self) -> Graph:
        for name, type_ in self._block.arguments.items():
            tensor = tensor_type(type_)
            self._known[name] = None if tensor is None else self._argument_value(name, tensor)
        used_behind: list[str] = []
        for operation in self._block.operations:
            if operation.name.startswith("torch."):
                self._torch(operation)
            elif operation.name == "adaptc.weight":
                self._known[operation.results[0]] = self._results(operation, constant=True)[0]
            else:
                used_behind += operation.operands
                for name, type_ in zip(operation.results, operation.result_types):
                    tensor = tensor_type(type_)
                    self._known[name] = None if tensor is None else self._value(name, tensor, constant=False)
                for name in operation.results:
                    self._known.setdefault(name, None)
        graph = self._graph
        graph.inputs = list(self._taken.values())
        for name in dict.fromkeys(used_behind):
            value = self._known.get(name)
            if isinstance(value, Value) and value.name in self._computed:
                graph.outputs.append(value)
                graph.uses[value.name] += 1
        if not used_behind:  # a text without an end gives what nothing in it uses
            graph.outputs = [v for call in graph.calls for v in call.results if not graph.uses[v.name]]
            graph.uses.update(value.name for value in graph.outputs)
        return graph

    def _torch(self, operation: Operation) -> None:
        if operation.name.startswith("torch.constant."):
            self._known[operation.results[0]] = _constant(operation)
            return
        args = tuple(self._argument(name, operation) for name in operation.operands)
        if operation.name == "torch.prim.ListConstruct":
            self._known[operation.results[0]] = list(args)
            return
        if operation.name == _CAST:
            self._known[operation.results[0]] = args[0]
            return
        name = _short(operation.name)
        if name == "__getitem__":
            source, place = args
            self._known[operation.results[0]] = source[place] if isinstance(source, list) else None
            return
        if name in _IDENTITIES and self._is_unchanged(operation, args):
            self._known[operation.results[0]] = args[0]
            return
        self._given = [value for value in _tensors(args) if value.name in self._open]
        results = self._list_results(operation, args) or self._results(operation, constant=False)
        if not results:  # arithmetic of sizes
            self._known.update(dict.fromkeys(operation.results))
            return
        tensors = list(_tensors(args))
        known_size = all(v is not None for t in operation.result_types if (t_ := tensor_type(t)) for v in t_.shape)
        filled = name in _FILLED and known_size
        if filled or (all(value.constant for value in tensors) and (tensors or (name in _FILLS and known_size))):
            constants = {value.name: replace(value, constant=True) for value in results}
            self._known.update(constants)
            for name in operation.results:
                if isinstance(self._known.get(name), list):
                    self._known[name] = [each and constants[each.name] for each in self._known[name]]
            return
        call = Call(name, args, tuple(results), operation.line)
        self._graph.calls.append(call)
        for value in results:
            self._known.setdefault(value.name, value)
            self._computed.add(value.name)
        for value in tensors:
            self._graph.uses[value.name] += 1
            self._graph.users.setdefault(value.name, []).append(call)
            if not value.constant and value.name not in self._computed:
                self._taken[value.name] = value

    def _is_unchanged(self, operation: Operation, args: Sequence[Any]) -> bool:
        given, made = args[0], tensor_type(operation.result_types[0])
        if not isinstance(given, Value) or made is None:
            return False
        return made.dtype == given.dtype and len(made.shape) == len(given.shape)

    def _argument(self, name: str, operation: Operation) -> Any:
        if name not in self._known:
            raise MlirError(operation.line, operation.name, f"{name} is not defined")
        return self._known[name]

    def _results(self, operation: Operation, *, constant: bool) -> list[Value]:
        found = []
        for name, type_ in zip(operation.results, operation.result_types):
            tensor = tensor_type(type_)
            if tensor is not None:
                found.append(self._value(name, tensor, constant))
                self._known[name] = found[-1]
            elif type_.startswith(("!torch.vtensor", "tensor<")):
                raise MlirError(operation.line, type_, "a tensor needs a type like !torch.vtensor<[1,8],f32>")
        return found

    def _list_results(self, operation: Operation, args: Sequence[Any]) -> list[Value]:
        """The parts of a tensor that an operator gives as a list, as the operations that take them out type them."""
        if len(operation.results) != 1 or operation.result_types[0] != "!torch.list<vtensor>":
            return []
        (name,) = operation.results
        parts: dict[int, Value] = {}
        for other in self._block.operations:
            if other.name == "torch.aten.__getitem__.t" and other.operands[0] == name:
                tensor = tensor_type(other.result_types[0])
                place = _constant_of(self._block, other.operands[1])
                if tensor is not None and place is not None:
                    parts[place] = self._value(other.results[0], tensor, constant=False)
        count = 1 + max(parts, default=-1)
        self._known[name] = [parts.get(place) for place in range(count)]
        return list(parts.values())

    def _argument_value(self, name: str, tensor: Tensor) -> Value:
        names = self._block.shapes.get(name, [""] * len(tensor.shape))
        shape = [
            self._sizes.get(dim, self._unknown) if extent is None else extent
            for extent, dim in zip(tensor.shape, names)
        ]
        return self._remembered(name, tensor, tuple(shape), constant=False)

    def _value(self, name: str, tensor: Tensor, constant: bool) -> Value:
        shape = tuple(self._extent(axis, tensor) if each is None else each for axis, each in enumerate(tensor.shape))
        return self._remembered(name, tensor, shape, constant)

    def _extent(self, axis: int, tensor: Tensor) -> int:
        """What the extent of a result may be that the text leaves open."""
        for value in self._given:
            if len(value.shape) == len(tensor.shape) and axis in self._open[value.name]:
                return value.shape[axis]
        for value in self._given:
            return value.shape[min(self._open[value.name])]
        return self._unknown

    def _remembered(self, name: str, tensor: Tensor, shape: tuple[int, ...], constant: bool) -> Value:
        unknown = frozenset(axis for axis, extent in enumerate(tensor.shape) if extent is None)
        if unknown:
            self._open[name] = unknown
        return Value(name, shape, tensor.dtype, constant, bool(unknown))


_FILLS = frozenset({"zeros", "ones", "full", "arange", "scalar_tensor", "eye", "tensor", "linspace"})
"""Operators that make tensors of numbers alone."""


_FILLED = frozenset({"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"})
"""Operators that take no more than the shape of a tensor."""

_IDENTITIES = frozenset(
    {
        "alias",
        "clone",
        "contiguous",
        "detach",
        "dropout",
        "lift_fresh_copy",
        "_to_copy",
        "to",
        "type_as",
        "feature_dropout",
    }
)
"""Operators that give what they take where it has the type already."""


def _short(name: str) -> str:
    """ "add" for "torch.aten.add.Tensor"; "adaptc.rnn" for an operator of another library."""
    parts = name.split(".")
    if len(parts) < 3:
        return parts[-1]
    return parts[2] if parts[1] in ("aten", "prim", "prims") else ".".join(parts[1:3])


def _constant(operation: Operation) -> Any:
    text = operation.literals.get("value", "")
    match operation.name.rsplit(".", 1)[1]:
        case "int":
            return int(text)
        case "float" if text.startswith("0x"):
            return struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0]
        case "float":
            return float(text)
        case "bool":
            return text == "true"
        case "none":
            return None
        case _:
            return text


def _constant_of(block: Block, name: str) -> int | None:
    for operation in block.operations:
        if name in operation.results and operation.name == "torch.constant.int":
            return int(operation.literals["value"])
    return None


def _tensors(args: Sequence[Any]) -> Iterator[Value]:
    for arg in args:
        if isinstance(arg, Value):
            yield arg
        elif isinstance(arg, (list, tuple)):
            yield from _tensors(arg)
