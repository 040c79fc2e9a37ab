"""Assignment, augmented assignment and deletion."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from adaptc.compiler.frontend import instructions as ins
from adaptc.compiler.frontend.instructions import Operand, Register, Span
from adaptc.compiler.frontend.lower.emitter import Label
from adaptc.compiler.frontend.lower.expressions import BINARY
from adaptc.compiler.frontend.lower.function import FunctionLowering
from adaptc.compiler.frontend.lower.names import Kind


def target_register(lowering: FunctionLowering, target: ast.expr) -> Register | None:
    """The register that `target` stands for, None where assigning to it takes an instruction of its own."""
    if isinstance(target, ast.Starred):
        target = target.value
    if not isinstance(target, ast.Name):
        return None
    variable = lowering.variable(lowering.mangled(target.id))
    return variable.name if variable.kind is Kind.REGISTER else None


def assign(lowering: FunctionLowering, target: ast.expr, value: Operand) -> None:
    """Assign `value` to a target."""
    span = lowering.span(target)
    if isinstance(target, ast.Name):
        lowering.store(lowering.variable(lowering.mangled(target.id)), value, span)
    elif isinstance(target, ast.Attribute):
        obj = lowering.value(target.value)
        lowering.emit(ins.SetAttr(span, obj, lowering.mangled(target.attr), value))
    elif isinstance(target, ast.Subscript):
        obj, index = lowering.sequence([target.value, target.slice])
        lowering.emit(ins.SetItem(span, obj, index, value))
    elif isinstance(target, ast.Starred):
        assign(lowering, target.value, value)
    else:
        assert isinstance(target, ast.Tuple | ast.List)
        unpack(lowering, target.elts, value, span)


def unpack(lowering: FunctionLowering, targets: Sequence[ast.expr], value: Operand, span: Span) -> None:
    """Assign the elements of `value` to `targets`, from left to right."""
    star = next((index for index, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
    registers: list[Register] = []
    pending: list[tuple[ast.expr, Register]] = []
    for target in targets:
        # A variable must keep its old value while the targets before it are evaluated.
        register = None if pending else target_register(lowering, target)
        if register is None:
            register = lowering.temporary()
            pending.append((target, register))
        registers.append(register)
    lowering.emit(ins.Unpack(span, tuple(registers), star, value))
    for target, register in pending:
        assign(lowering, target, register)


def assign_next(lowering: FunctionLowering, target: ast.expr, iterator: Register, exhausted: Label, span: Span) -> None:
    """Take the next element of `iterator` and assign it to `target`."""
    register = target_register(lowering, target)
    element = register or lowering.temporary()
    lowering.emit(ins.Next(span, element, iterator, exhausted.number))
    if register is None:
        assign(lowering, target, element)


def assignment(lowering: FunctionLowering, node: ast.Assign) -> None:
    """``x = y[0] = value``"""
    register = target_register(lowering, node.targets[0])
    if len(node.targets) == 1 and register is not None:
        lowering.value(node.value, register)
        return
    plain = len(node.targets) == 1 and isinstance(node.targets[0], ast.Name | ast.Tuple | ast.List)
    value = lowering.operand(node.value, more=not plain)
    if len(node.targets) > 1:
        value = lowering.copied(value, lowering.span(node.value))
    for target in node.targets:
        assign(lowering, target, value)


def annotated(lowering: FunctionLowering, node: ast.AnnAssign) -> None:
    """``x: int = value``; without a value only the parts of the target are evaluated."""
    target = node.target
    if node.value is not None:
        assignment(lowering, ast.Assign([target], node.value))
    elif isinstance(target, ast.Attribute):
        lowering.check_bound(lowering.value(target.value), lowering.span(target))
    elif isinstance(target, ast.Subscript):
        for value in lowering.sequence([target.value, target.slice], more=True):
            lowering.check_bound(value, lowering.span(target))


def augmented(lowering: FunctionLowering, node: ast.AugAssign) -> None:
    """``x += value``: the parts of the target are evaluated once."""
    span, target = lowering.span(node), node.target
    function = "i" + BINARY[type(node.op)].rstrip("_")
    if isinstance(target, ast.Name):
        name = ast.copy_location(ast.Name(target.id, ast.Load()), target)
        old, value = lowering.sequence([name, node.value])
        register = target_register(lowering, target)
        result = register or lowering.temporary()
        lowering.emit(ins.Binary(span, result, function, old, value))
        if register is None:
            assign(lowering, target, result)
        return
    old, result = lowering.temporary(), lowering.temporary()
    if isinstance(target, ast.Attribute):
        obj = lowering.operand(target.value, more=True)
        attribute = lowering.mangled(target.attr)
        lowering.emit(ins.GetAttr(lowering.span(target), old, obj, attribute))
        value = lowering.value(node.value)
        lowering.emit(ins.Binary(span, result, function, old, value))
        lowering.emit(ins.SetAttr(span, obj, attribute, result))
    else:
        obj, index = lowering.sequence([target.value, target.slice], more=True)
        lowering.emit(ins.GetItem(lowering.span(target), old, obj, index))
        value = lowering.value(node.value)
        lowering.emit(ins.Binary(span, result, function, old, value))
        lowering.emit(ins.SetItem(span, obj, index, result))


def deletion(lowering: FunctionLowering, node: ast.Delete) -> None:
    """``del x, y[0]``"""
    for target in node.targets:
        delete(lowering, target)


def delete(lowering: FunctionLowering, target: ast.expr) -> None:
    """Delete one target."""
    span = lowering.span(target)
    if isinstance(target, ast.Name):
        variable = lowering.variable(lowering.mangled(target.id))
        if variable.kind is Kind.CELL:
            lowering.emit(ins.LoadCell(span, lowering.temporary(), variable.name))  # raises where it is empty
        else:
            lowering.check_bound(variable.name, span)
        unbind(lowering, target, variable.name, span)
    elif isinstance(target, ast.Attribute):
        lowering.emit(ins.DelAttr(span, lowering.value(target.value), lowering.mangled(target.attr)))
    elif isinstance(target, ast.Subscript):
        obj, index = lowering.sequence([target.value, target.slice])
        lowering.emit(ins.DelItem(span, obj, index))
    else:
        assert isinstance(target, ast.Tuple | ast.List)
        for element in target.elts:
            delete(lowering, element)


def unbind(lowering: FunctionLowering, node: ast.AST, name: str, span: Span) -> None:
    """Unbind the mangled `name`, whether it is bound or not."""
    variable = lowering.variable(name)
    if variable.kind is Kind.REGISTER:
        lowering.emit(ins.Delete(span, variable.name))
    elif variable.kind is Kind.CELL:
        lowering.emit(ins.DeleteCell(span, variable.name))
    else:
        why, instead = "compiled code does not unbind globals", "assign None to it, or use a local variable"
        lowering.refuse(node, f"unbinding of the global `{name}`", why, instead)
