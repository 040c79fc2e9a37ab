"""Draws a program's control-flow graph for Graphviz."""

from __future__ import annotations

import json
from collections import Counter

from torch._ops import OpOverload

from adaptc.compiler.ir.program import Block, Code, Program
from adaptc.runtime.hostprogram import (
    OPERATORS,
    Apply,
    Branch,
    Const,
    Draw,
    Edge,
    Expr,
    Jump,
    Raise,
    Read,
    Ref,
    Return,
    Size,
    Switch,
)

_SHOWN_OPERATORS = 6


def to_dot(program: Program) -> str:
    """The control-flow graph as a Graphviz ``digraph``: blocks with operators, edges with their cases."""
    lines = [
        f"digraph {json.dumps(program.name)} {{",
        '  node [shape=box, fontname="monospace", style=rounded];',
        '  edge [fontname="monospace"];',
    ]
    for block in program.blocks.values():
        shape = ", peripheries=2" if block.name == program.entry else ""
        lines.append(f"  {json.dumps(block.name)} [label={_label(block)}{shape}];")
    for block in program.blocks.values():
        for edge, text in _edges(block):
            label = f" [label={json.dumps(text)}]" if text else ""
            lines.append(f"  {json.dumps(block.name)} -> {json.dumps(edge.block)}{label};")
    return "\n".join([*lines, "}", ""])


def expression_text(expr: Expr) -> str:
    """A host expression as Python writes it."""
    match expr:
        case Const(value=value, kind=kind):
            return f"float({value!r})" if kind == "float" and isinstance(value, str) else repr(value)
        case Ref(name=name):
            return name
        case Size(name=name, dim=dim):
            return f"{name}.shape[{dim}]"
        case Apply(function=function, args=args):
            # An operand that is itself an operation gets parentheses: which binds tighter is not known here.
            operands = [f"({expression_text(arg)})" if isinstance(arg, Apply) else expression_text(arg) for arg in args]
            return OPERATORS[function].format(*operands) if function in OPERATORS else f"{function}({operands})"


def operator_counts(code: Code) -> Counter[str]:
    """How often each ATen operator stands in `code`, by its name without overload ("conv2d")."""
    targets = (node.target for node in code.graph.graph.nodes if node.op == "call_function")
    return Counter(target._schema.name.partition("::")[2] for target in targets if isinstance(target, OpOverload))


def _label(block: Block) -> str:
    lines = [f"{block.name}  {block.loc}".rstrip()]
    if block.code is not None:
        counts = operator_counts(block.code).most_common()
        shown = [f"{name} x{count}" if count > 1 else name for name, count in counts[:_SHOWN_OPERATORS]]
        more = [f"{len(counts) - _SHOWN_OPERATORS} more"] if len(counts) > _SHOWN_OPERATORS else []
        lines.append(f"{block.code.name}: {', '.join(shown + more) or 'no operators'}")
    for step in block.steps:
        if isinstance(step, Read):
            lines.append(f"{step.name} = read {step.tensor}")
        elif isinstance(step, Draw):
            lines.append(f"{step.name} = draw {step.kind} [{', '.join(map(expression_text, step.shape))}]")
        else:
            lines.append(f"{step.name} = {expression_text(step.expr)}")
    match block.terminator:
        case Branch(test=test, loc=loc):
            lines.append(f"if {expression_text(test)}  {loc}".rstrip())
        case Switch(index=index, loc=loc):
            lines.append(f"switch {expression_text(index)}  {loc}".rstrip())
        case Return(outputs=outputs):
            lines.append(f"return {', '.join(map(expression_text, outputs))}")
        case Raise(exception=exception, message=message):
            lines.append(f"raise {exception}({message!r})")
    # "\l" ends a line that stands at the left.
    return '"' + "".join(f"{json.dumps(line, ensure_ascii=False)[1:-1]}\\l" for line in lines) + '"'


def _edges(block: Block) -> list[tuple[Edge, str]]:
    match block.terminator:
        case Jump(to=to):
            return [(to, "")]
        case Branch(then=then, orelse=orelse):
            return [(then, "true"), (orelse, "false")]
        case Switch(keys=keys, edges=edges, default=default):
            return [*((edge, str(key)) for key, edge in zip(keys, edges)), (default, "default")]
        case _:
            return []
