"""Tensor code as MLIR: the ``torch`` dialect's operations in generic form, every argument spelled out."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping

import torch
from torch import fx
from torch._ops import OpOverload

from adaptc.compiler.ir.mlir_text import (
    Lines,
    Operand,
    float_literal,
    quoted,
    vtensor,
)
from adaptc.compiler.ir.program import Block, Program

# Integers that stand for these in ATen's schemas (c10/core/ScalarType.h, Layout.h and MemoryFormat.h).
_DTYPE_NUMBERS: Mapping[torch.dtype, int] = {
    torch.uint8: 0,
    torch.int8: 1,
    torch.int16: 2,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.float32: 6,
    torch.float64: 7,
    torch.complex64: 9,
    torch.complex128: 10,
    torch.bool: 11,
    torch.bfloat16: 15,
    torch.float8_e5m2: 23,
    torch.float8_e4m3fn: 24,
}
_LAYOUT_NUMBERS: Mapping[torch.layout, int] = {torch.strided: 0}
_MEMORY_FORMAT_NUMBERS: Mapping[torch.memory_format, int] = {
    torch.contiguous_format: 0,
    torch.preserve_format: 1,
    torch.channels_last: 2,
    torch.channels_last_3d: 3,
}

# Functions on sizes -> the torch dialect's operation on ints.
_INTEGER_OPERATIONS: Mapping[object, str] = {
    operator.add: "torch.aten.add.int",
    operator.sub: "torch.aten.sub.int",
    operator.mul: "torch.aten.mul.int",
    operator.floordiv: "torch.aten.floordiv.int",
    torch.ops.aten.sym_size.int: "torch.aten.size.int",
}


class CodePrinter:
    """Prints the code of one block."""

    def __init__(self, lines: Lines, program: Program, block: Block) -> None:
        self.lines = lines
        self.program = program
        self.block = block
        self._values: dict[fx.Node, list[Operand]] = {}
        self._constants: dict[tuple[str, str], Operand] = {}
        self._lists: dict[tuple[str, str], Operand] = {}
        self._loc = block.loc

    def run(self, inputs: Iterable[Operand]) -> list[Operand]:
        """Print the code applied to `inputs` and the block's weights; gives its outputs."""
        code = self.block.code
        assert code is not None
        nodes = list(code.graph.graph.nodes)
        arguments = [*inputs, *(self._weight(name) for name in self.block.weights)]
        placeholders = (node for node in nodes if node.op == "placeholder")
        for node, argument in zip(placeholders, arguments):
            self._values[node] = [self._as_tensor(argument, node)]
        results = nodes[-1].args[0]
        hints = {node: output.name for node, output in zip(results, self.block.outputs)}
        for node in nodes:
            if node.op == "call_function":
                self._loc = node.meta.get("loc", self.block.loc)
                self._values[node] = self._call(node, hints.get(node, node.name))
        return [self._values[node][0] for node in results]

    def _weight(self, name: str) -> Operand:
        tensor = self.program.weights[name]
        type_ = vtensor(tensor.dtype, tensor.shape)
        return self.lines.one("adaptc.weight", [], name, type_, self.block.loc, attributes={"name": quoted(name)})

    def _as_tensor(self, argument: Operand, node: fx.Node) -> Operand:
        """The operand as the placeholder's type: scalars become 0-d tensors, known sizes are forgotten."""
        wanted = _value_type(node.meta["val"])
        if argument.type == wanted:
            return argument
        loc = self.block.loc
        hint = argument.name.removeprefix("%")
        if argument.type in ("i1", "i64", "f64"):
            return self.lines.one("adaptc.to_tensor", [argument], f"{hint}.tensor", wanted, loc)
        return cast(self.lines, argument, wanted, loc)

    def _call(self, node: fx.Node, hint: str) -> list[Operand]:
        target = node.target
        if target is operator.getitem:
            source, index = node.args
            assert isinstance(source, fx.Node)
            assert isinstance(index, int)
            held = self._values[source]
            if not held[0].type.startswith("!torch.list"):
                return [held[index]]
            position = self._constant("torch.constant.int", f"{index} : i64", f"int{index}", "!torch.int")
            return self.lines.operation(
                "torch.aten.__getitem__.t", [held[0], position], self._results(node, hint), self._loc
            )
        if isinstance(target, OpOverload) and target not in _INTEGER_OPERATIONS:
            return self._aten(node, target, hint)
        operands = [self._argument(argument, "int") for argument in node.args]
        results = self._results(node, hint)
        if target in _INTEGER_OPERATIONS:
            return self.lines.operation(_INTEGER_OPERATIONS[target], operands, results, self._loc)
        function = getattr(target, "__name__", str(target))
        return self.lines.operation(
            "adaptc.symbolic", operands, results, self._loc, attributes={"function": quoted(function)}
        )

    def _aten(self, node: fx.Node, target: OpOverload, hint: str) -> list[Operand]:
        target = _overload(target, node)
        schema = target._schema
        operands = []
        for index, declared in enumerate(schema.arguments):
            if index < len(node.args) and not declared.kwarg_only:
                given = node.args[index]
            else:
                given = node.kwargs.get(declared.name, declared.default_value)
            operands.append(self._argument(given, str(declared.type)))
        parts = ["torch", *schema.name.split("::"), *([schema.overload_name] if schema.overload_name else [])]
        return self.lines.operation(".".join(parts), operands, self._results(node, hint), self._loc)

    def _results(self, node: fx.Node, hint: str) -> list[tuple[str, str]]:
        value = node.meta["val"]
        target = node.target
        if isinstance(target, OpOverload) and len(target._schema.returns) > 1:
            names = (declared.name or str(index) for index, declared in enumerate(target._schema.returns))
            return [(f"{hint}.{name}", _value_type(part)) for name, part in zip(names, value)]
        return [(hint, _value_type(value))]

    def _argument(self, value: object, declared: str) -> Operand:
        """The operand for an argument; `declared` is the schema's type ("List[int]", "Optional[float]")."""
        wanted = declared
        if declared.startswith("Optional["):
            wanted = declared.removeprefix("Optional[").removesuffix("]")
        match value:
            case fx.Node():
                return self._values[value][0]
            case None:
                return self._constant("torch.constant.none", "", "none", "!torch.none")
            case bool() if wanted != "float":
                return self._constant("torch.constant.bool", str(value).lower(), str(value).lower(), "!torch.bool")
            case int() if wanted != "float":
                hint = f"int{value}".replace("-", "m")
                return self._constant("torch.constant.int", f"{value} : i64", hint, "!torch.int")
            case int() | float():
                text = float_literal(value)
                hint = f"float{text}".replace("-", "m")
                return self._constant("torch.constant.float", f"{text} : f64", hint, "!torch.float")
            case str():
                return self._constant("torch.constant.str", quoted(value), "str", "!torch.str")
            case torch.device():
                return self._constant("torch.constant.device", quoted(str(value)), "device", "!torch.Device")
            case torch.dtype():
                return self._argument(_DTYPE_NUMBERS[value], "int")
            case torch.layout():
                return self._argument(_LAYOUT_NUMBERS[value], "int")
            case torch.memory_format():
                return self._argument(_MEMORY_FORMAT_NUMBERS[value], "int")
            case list() | tuple():
                return self._list(value, wanted.removeprefix("List[").removesuffix("]"))
            case _:
                raise TypeError(f"an argument of type {type(value).__name__} has no form in MLIR: {value!r}")

    def _list(self, values: Iterable[object], element: str) -> Operand:
        operands = [self._argument(value, element) for value in values]
        inner = element.removeprefix("Optional[").rstrip("]")
        kind = {"Tensor": "vtensor", "number": "int"}.get(inner, inner)
        if element.startswith("Optional["):
            kind = f"optional<{kind}>"
        contents = (kind, ",".join(operand.name for operand in operands))
        if contents not in self._lists:
            self._lists[contents] = self.lines.one(
                "torch.prim.ListConstruct", operands, "list", f"!torch.list<{kind}>", self._loc
            )
        return self._lists[contents]

    def _constant(self, name: str, value: str, hint: str, type_: str) -> Operand:
        """A constant, printed once a block."""
        if (name, value) not in self._constants:
            properties = {"value": value} if value else None
            made = self.lines.one(name, [], hint, type_, self._loc, properties=properties)
            self._constants[name, value] = made
        return self._constants[name, value]


def cast(lines: Lines, argument: Operand, wanted: str, loc: str) -> Operand:
    """`argument` as a tensor of type `wanted`, of which more or less is known."""
    hint = f"{argument.name.removeprefix('%')}.cast"
    return lines.one("torch.tensor_static_info_cast", [argument], hint, wanted, loc)


def _overload(target: OpOverload, node: fx.Node) -> OpOverload:
    """The overload that takes Python numbers, where ATen's call has one in a tensor's place."""
    numbers = any(
        type(given) in (bool, int, float) and str(declared.type) == "Tensor"
        for given, declared in zip(node.args, target._schema.arguments)
    )
    packet = target.overloadpacket
    return packet.Scalar if numbers and "Scalar" in packet.overloads() else target


def _value_type(value: object) -> str:
    match value:
        case torch.Tensor():
            return vtensor(value.dtype, value.shape)
        case bool() | torch.SymBool():
            return "!torch.bool"
        case int() | torch.SymInt():
            return "!torch.int"
        case float() | torch.SymFloat():
            return "!torch.float"
        case list() | tuple():
            return "!torch.list<vtensor>"
        case _:
            raise TypeError(f"a value of type {type(value).__name__} has no type in MLIR: {value!r}")
