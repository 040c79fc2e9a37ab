"""Prints a program as MLIR: a ``func.func`` of ``cf``, ``arith`` and ``torch`` operations with locations.

Tensors are ``!torch.vtensor``, host scalars i1, i64 (Python's unbounded int) and f64. What the host does to
tensors, and arithmetic that ``arith`` lacks, are operations of the ``adaptc`` dialect: ``weight``, ``read``,
``size``, ``to_tensor``, ``pack`` (outputs that differ from return to return), ``raise``, and the functions of
`hostprogram.OPERATORS` by name. A program that breaks the IR's rules prints too where its code is sound; what
is missing shows as ``undefined``.
"""

from __future__ import annotations

from collections.abc import Collection

from adaptc.compiler.ir.errors import ExpressionError
from adaptc.compiler.ir.host_types import environment, infer
from adaptc.compiler.ir.mlir_code import CodePrinter, cast
from adaptc.compiler.ir.mlir_host import UNDEFINED, HostPrinter
from adaptc.compiler.ir.mlir_text import Lines, Names, Operand, identifier, mlir_type, quoted
from adaptc.compiler.ir.program import Block, Program, TensorType, Type
from adaptc.runtime.hostprogram import Branch, Edge, Jump, Raise, Return, Switch
from adaptc.runtime.tree import DictNode, Leaf, ListNode, NamedTupleNode, RecordNode, RowsNode, Static, Tree, TupleNode

ANY = "!adaptc.any"
"""The type of a result whose type differs from return to return."""


def to_mlir(program: Program, *, locations: bool = True, only: Collection[str] | None = None) -> str:
    """The program as an MLIR module, one operation a line.

    Without `locations` operations carry no ``loc``. With `only`, the text holds these blocks alone and is no
    whole module.
    """
    return _FunctionPrinter(program, locations).run(only)


class _FunctionPrinter:
    def __init__(self, program: Program, locations: bool) -> None:
        self.program = program
        self.lines = Lines(locations)
        labels = Names()
        self.labels = {name: f"^{labels.fresh(name)}" for name in program.blocks}
        self.results = self._result_types()

    def run(self, only: Collection[str] | None) -> str:
        blocks = self.program.blocks
        entry = blocks.get(self.program.entry)
        order = ([entry] if entry else []) + [block for block in blocks.values() if block is not entry]
        for block in order:
            if only is None or block.name in only:
                self._block(block)
        if only is not None:
            return "\n".join(self.lines.text)
        return "\n".join(["module {", *self.lines.text, "  }", "}", ""])

    def _block(self, block: Block) -> None:
        values: dict[str, Operand] = {}
        types: dict[str, Type] = {param.name: param.type for param in block.params}
        for param in block.params:
            values[param.name] = Operand(f"%{self.lines.values.fresh(param.name)}", mlir_type(param.type))
        if block.name == self.program.entry:
            self._signature(block, values)
        else:
            arguments = ", ".join(f"{value.name}: {value.type}" for value in values.values())
            self.lines.text.append(f"  {self.labels[block.name]}{f'({arguments})' if arguments else ''}:")
        host = HostPrinter(self.lines, values, types)
        if block.code is not None:
            inputs = [values.get(name, Operand(f"%undefined.{name}", UNDEFINED)) for name in block.inputs]
            results = CodePrinter(self.lines, self.program, block).run(inputs)
            for output, result in zip(block.outputs, results):
                values[output.name] = result
                types[output.name] = output.type
        for step in block.steps:
            host.step(step)
        self._terminator(block, host)

    def _signature(self, block: Block, values: dict[str, Operand]) -> None:
        shown = []
        for param, value in zip(block.params, values.values()):
            text = f"{value.name}: {value.type}"
            if isinstance(param.type, TensorType) and any(isinstance(dim, str) for dim in param.type.shape):
                dims = (quoted(dim) if isinstance(dim, str) else f"{dim}" for dim in param.type.shape)
                text += f" {{adaptc.shape = [{', '.join(dims)}]}}"
            shown.append(text)
        results = f" -> ({', '.join(self.results)})" if self.results else ""
        name = identifier(self.program.name)
        self.lines.text.append(f"  func.func @{name}({', '.join(shown)}){results} {{")

    def _terminator(self, block: Block, host: HostPrinter) -> None:
        match block.terminator:
            case Jump(to=to):
                target = self._target(to, host, block.loc)
                self.lines.raw(f"cf.br {target}", block.loc)
            case Branch(test=test, then=then, orelse=orelse, loc=loc):
                loc = loc or block.loc
                condition = host.test(test, loc)
                targets = f"{self._target(then, host, loc)}, {self._target(orelse, host, loc)}"
                self.lines.raw(f"cf.cond_br {condition.name}, {targets}", loc)
            case Switch(index=index, keys=keys, edges=cases, default=default, loc=loc):
                loc = loc or block.loc
                flag = host.expression(index, loc)
                arms = [f"default: {self._target(default, host, loc)}"]
                arms += [f"{key}: {self._target(case, host, loc)}" for key, case in zip(keys, cases)]
                listed = ",\n      ".join(arms)
                self.lines.raw(f"cf.switch {flag.name} : {flag.type}, [\n      {listed}\n    ]", loc)
            case Return() as terminator:
                self._return(terminator, host, terminator.loc or block.loc)
            case Raise(exception=exception, message=message, loc=loc):
                attributes = {"exception": quoted(exception), "message": quoted(message)}
                self.lines.operation("adaptc.raise", [], [], loc or block.loc, attributes=attributes)

    def _target(self, edge: Edge, host: HostPrinter, loc: str) -> str:
        block = self.program.blocks.get(edge.block)
        label = self.labels.get(edge.block, f"^undefined.{identifier(edge.block)}")
        operands = [host.expression(arg, loc) for arg in edge.args]
        if block is not None:
            operands = [
                self._fit(operand, mlir_type(param.type), loc) for operand, param in zip(operands, block.params)
            ]
        if not operands:
            return label
        names = ", ".join(operand.name for operand in operands)
        return f"{label}({names} : {', '.join(operand.type for operand in operands)})"

    def _fit(self, operand: Operand, wanted: str, loc: str) -> Operand:
        if operand.type == wanted or not operand.type.startswith("!torch.vtensor"):
            return operand
        return cast(self.lines, operand, wanted, loc)

    def _return(self, terminator: Return, host: HostPrinter, loc: str) -> None:
        outputs = [host.expression(output, loc, f"out{i}") for i, output in enumerate(terminator.outputs)]
        if self.results == [ANY]:
            outputs = [self.lines.one("adaptc.pack", outputs, "outputs", ANY, loc)]
        names = ", ".join(output.name for output in outputs)
        types = ", ".join(output.type for output in outputs)
        given = f" {names} : {types}" if outputs else ""
        self.lines.raw(f"func.return {{adaptc.tree = {quoted(tree_text(terminator.tree))}}}{given}", loc)

    def _result_types(self) -> list[str]:
        """The function's result types: those of the returns where they agree, else one of any type."""
        found: set[tuple[str, ...]] = set()
        for block in self.program.blocks.values():
            if isinstance(block.terminator, Return):
                try:
                    types = environment(block)
                    found.add(tuple(mlir_type(infer(output, types)) for output in block.terminator.outputs))
                except ExpressionError:
                    return [ANY]
        return list(found.pop()) if len(found) == 1 else [ANY] if found else []


def tree_text(tree: Tree) -> str:
    """A tree as Python writes the value, its leaves as the outputs' numbers."""
    match tree:
        case Leaf(index=index):
            return f"%{index}"
        case Static(value=value):
            return repr(value)
        case TupleNode(items=items):
            return f"({', '.join(map(tree_text, items))}{',' if len(items) == 1 else ''})"
        case ListNode(items=items):
            return f"[{', '.join(map(tree_text, items))}]"
        case RowsNode(sequence=sequence, items=items):
            return f"[*{tree_text(items[0])}]" if sequence == "list" else f"(*{tree_text(items[0])},)"
        case DictNode(keys=keys, items=items):
            return f"{{{', '.join(f'{key!r}: {tree_text(item)}' for key, item in zip(keys, items))}}}"
        case NamedTupleNode(name=name, fields=fields, items=items) | RecordNode(name=name, fields=fields, items=items):
            return f"{name}({', '.join(f'{key}={tree_text(item)}' for key, item in zip(fields, items))})"
