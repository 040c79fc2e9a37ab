"""Writes ``If``, ``Loop`` and ``Scan`` as Python's own statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from onnx import GraphProto, NodeProto

from adaptc.compiler.onnx_input.rows import Rows
from adaptc.compiler.onnx_input.source import node_note
from adaptc.compiler.onnx_input.values import Value, as_numbers, constant, host_text, known_truth, truth
from adaptc.compiler.onnx_input.writer import Writer

UNLIMITED = 2**31
"""A trip count from here on is no limit."""


def _graph(node: NodeProto, name: str) -> GraphProto:
    graph: GraphProto = next(attribute.g for attribute in node.attribute if attribute.name == name)
    return graph


# -- If ----------------------------------------------------------------------------------------------------------


def if_(writer: Writer, node: NodeProto, inputs: Sequence[Value | None]) -> None:
    """``if`` with both branches; of one whose condition is known now, the branch that is taken."""
    condition = writer.value(node.input[0])
    known = truth(condition)
    if known is not None:
        graph = _graph(node, "then_branch" if known else "else_branch")
        writer.enter(graph)
        writer.nodes(graph)
        for name, output in zip(node.output, graph.output):
            writer.values[name] = writer.value(output.name)
        return
    sides = []
    for name in ("then_branch", "else_branch"):
        graph = _graph(node, name)
        inner = writer.inner()
        inner.enter(graph)
        inner.nodes(graph)
        sides.append((inner, [inner.value(output.name) for output in graph.output]))
    names = [writer.names.fresh(name) for name in node.output]
    merged = [_merged(a, b) for a, b in zip(sides[0][1], sides[1][1])]
    for (inner, results), keyword in zip(sides, (f"if {condition.text}:", "else:")):
        writer.source.add(keyword, node_note(node) if keyword != "else:" else "")
        for name, like, result in zip(names, merged, results):
            inner.source.add(f"{name} = {converted(inner, result, like)}")
        writer.source.lines += inner.source.lines
    for output, name, like in zip(node.output, names, merged):
        writer.values[output] = like.named(name)


def _merged(a: Value, b: Value) -> Value:
    """What both values can be: Python numbers only where both are."""
    if a.kind in ("sequence", "optional"):
        return a
    if a.is_host or b.is_host:
        one, other = as_numbers(a) or a, as_numbers(b) or b
        if one.is_host and one.kind == other.kind and one.dtype == other.dtype and one.length == other.length:
            return replace(one, size=one.size and other.size, constant=None)
    same = a.length == b.length and a.kind == b.kind == "tensor"
    return Value("tensor", "", length=a.length if same else None)


def converted(writer: Writer, value: Value, like: Value) -> str:
    """Python for `value` as what `like` is."""
    if like.kind == "tensor":
        return writer.tensor(value)
    return (as_numbers(value) or value).text


# -- Loop --------------------------------------------------------------------------------------------------------


def loop(writer: Writer, node: NodeProto, inputs: Sequence[Value | None]) -> None:
    """``for`` over a number of iterations, or ``while``; rows of results are put together at the end."""
    limit, going = [*inputs, None, None][:2]
    graph = _graph(node, "body")
    given = [writer.value(name) for name in node.input[2:]]
    infos = graph.input[2 : 2 + len(given)]
    counter = writer.names.fresh(graph.input[0].name)
    names = [writer.names.fresh(info.name) for info in infos]
    kinds = [_carried(value) for value in given]
    mark = writer.names.mark()
    while True:  # numbers of which the body makes tensors are carried as tensors
        writer.names.reset(mark)
        inner = writer.inner()
        inner.enter(graph)
        inner.values[graph.input[0].name] = Value("int", counter, size=True)
        inner.values[graph.input[1].name] = constant(known_truth())
        for info, name, like in zip(infos, names, kinds):
            length = inner.rank(info.name) if like.kind == "tensor" else like.length
            inner.values[info.name] = replace(like, text=name, length=length)
        inner.nodes(graph)
        results = [inner.value(output.name) for output in graph.output]
        fitting = [_fits(like, result) for like, result in zip(kinds, results[1:])]
        if all(fitting):
            break
        kinds = [like if fits else Value("tensor", "") for like, fits in zip(kinds, fitting)]
    header = _Header(writer, limit, going, results[0], counter, names, _uses(graph, graph.input[0].name))
    if header.endless:
        writer.refuse(
            node, "a Loop that nothing ends", "it has no trip count, and its condition is always true", "end it"
        )
        return
    rows = Rows(writer, graph.output[1 + len(given) :], inner.types, header.at_least_one)
    for name, value, like in zip(names, given, kinds):
        writer.source.add(f"{name} = {converted(writer, value, like)}")
    rows.begin()
    header.write(node_note(node))
    rows.append(inner, results[1 + len(given) :])
    sources = [converted(inner, result, like) for result, like in zip(results[1:], kinds)]
    _assign(inner, [*zip(names, sources), *header.updates])
    if header.leaves_if is not None:
        inner.source.add("break" if not header.leaves_if else f"if {header.leaves_if}:")
        if header.leaves_if:
            with inner.source.deeper():
                inner.source.add("break")
    writer.source.lines += inner.source.lines
    for output, name, like in zip(node.output, names, kinds):
        if output:
            writer.values[output] = like.named(name)
    rows.finish(node.output[len(given) :], [0] * len(node.output), [False] * len(node.output))


def _carried(value: Value) -> Value:
    """How a variable of a loop that begins as `value` is carried: as a number, a list, or a tensor."""
    if value.kind in ("sequence", "optional"):
        return replace(value, constant=None)
    number = as_numbers(value)
    if number is not None and number.kind == "int":
        return Value("int", "", number.dtype)
    return Value("tensor", "")


def _fits(like: Value, result: Value) -> bool:
    if like.kind == "tensor":
        return True
    number = as_numbers(result) or result
    return like.kind == number.kind and (like.kind != "int" or like.dtype == number.dtype)


def _assign(writer: Writer, pairs: Sequence[tuple[str, str]]) -> None:
    """Assign to all names at once."""
    changed = [(name, text) for name, text in pairs if name != text]
    if changed:
        writer.source.add(f"{', '.join(name for name, _ in changed)} = {', '.join(text for _, text in changed)}")
    if not writer.source.lines:
        writer.source.add("pass")


def _uses(graph: GraphProto, name: str) -> bool:
    """Whether a node of `graph`, or of a graph in it, takes the value called `name`."""
    for node in graph.node:
        if name in node.input:
            return True
        for attribute in node.attribute:
            if attribute.HasField("g") and _uses(attribute.g, name):
                return True
    return any(output.name == name for output in graph.output)


class _Header:
    """How a loop begins, goes on and ends.

    `updates` are further variables and their next values. The loop is left at the end of an iteration if `leaves_if`
    holds (None: never, "": always).
    """

    def __init__(
        self,
        writer: Writer,
        limit: Value | None,
        going: Value | None,
        goes_on: Value,
        counter: str,
        carried: Sequence[str],
        counted: bool,
    ) -> None:
        self.writer = writer
        number = None if limit is None or limit.constant is None else int(limit.constant)
        self.limit = None if limit is None or (number or 0) >= UNLIMITED else host_text(limit, "int")
        self.counter = counter
        self.begins, goes_on_always = truth(going), truth(goes_on)
        if self.begins is False:
            self.limit, self.begins = "0", True
        self.at_least_one = self.begins is True and (self.limit is None or (number or 0) >= 1) and self.limit != "0"
        self.endless = self.limit is None and goes_on_always is True and self.begins is True
        self.updates: list[tuple[str, str]] = []
        self.leaves_if: str | None = None
        self.going, self.test = going, ""
        if self.begins is None:
            self.test = writer.names.fresh("going")
            self.updates.append((self.test, writer.tensor(goes_on)))
        elif goes_on_always is False:
            self.leaves_if = ""
        elif goes_on_always is None and goes_on.text in carried:
            test = writer.names.fresh("going")
            self.updates.append((test, goes_on.text))
            self.leaves_if = f"not {test}"
        elif goes_on_always is None:
            self.leaves_if = f"not {goes_on.text}"
        self.counts = (self.limit is None or self.begins is None) and (counted or self.limit is not None)
        if self.counts:
            self.updates.append((counter, f"{counter} + 1"))

    def write(self, note: str) -> None:
        """Write the line that the body stands below, and what has to stand before it."""
        source = self.writer.source
        if self.counts:
            source.add(f"{self.counter} = 0")
        if self.begins is None:
            assert self.going is not None
            source.add(f"{self.test} = {self.writer.tensor(self.going)}")
            more = "" if self.limit is None else f" and {self.counter} < {self.limit}"
            source.add(f"while {self.test}{more}:", note)
        elif self.limit is None:
            source.add("while True:", note)
        else:
            source.add(f"for {self.counter} in range({self.limit}):", note)


# -- Scan --------------------------------------------------------------------------------------------------------


def scan(writer: Writer, node: NodeProto, inputs: Sequence[Value | None]) -> None:
    """``for`` over the rows of tensors."""
    numbers = {attribute.name: attribute for attribute in node.attribute}
    if writer.opset < 9:
        writer.refuse(node, "Scan", "before version 9 of the operators it had another form", "export a newer version")
        return
    graph = _graph(node, "body")
    count = numbers["num_scan_inputs"].i
    states = len(node.input) - count
    results_of_rows = len(node.output) - states

    def per_row(name: str, length: int) -> list[int]:
        return list(numbers[name].ints) if name in numbers else [0] * length

    axes, turned = per_row("scan_input_axes", count), per_row("scan_input_directions", count)
    tables = []
    for name, axis, backwards in zip(node.input[states:], axes, turned):
        text = writer.tensor(writer.value(name), name)
        text = f"{text}.movedim({axis}, 0)" if axis else text
        table = writer.names.fresh(f"rows_of_{name}")
        writer.source.add(f"{table} = {text}.flip(0)" if backwards else f"{table} = {text}")
        tables.append(table)
    counter = writer.names.fresh("row")
    names = [writer.names.fresh(info.name) for info in graph.input[:states]]
    inner = writer.inner()
    inner.enter(graph)
    for info, name in zip(graph.input[:states], names):
        inner.values[info.name] = Value("tensor", name, length=inner.rank(info.name))
    for info, table in zip(graph.input[states:], tables):
        row = writer.names.fresh(info.name)
        inner.source.add(f"{row} = {table}[{counter}]")
        inner.values[info.name] = Value("tensor", row, length=inner.rank(info.name))
    inner.nodes(graph)
    results = [inner.value(output.name) for output in graph.output]
    types = writer.types.get(node.input[states])
    steps = types.shape[axes[0]] if types is not None and types.shape is not None else None
    at_least_one = isinstance(steps, int) and steps > 0
    rows = Rows(writer, graph.output[states:], inner.types, at_least_one)
    for name, given in zip(names, node.input):
        writer.source.add(f"{name} = {writer.tensor(writer.value(given), given)}")
    rows.begin()
    writer.source.add(f"for {counter} in range({tables[0]}.shape[0]):", node_note(node))
    rows.append(inner, results[states:])
    _assign(inner, [(name, inner.tensor(result)) for name, result in zip(names, results)])
    writer.source.lines += inner.source.lines
    for output, name in zip(node.output, names):
        if output:
            writer.values[output] = Value("tensor", name, length=inner.rank(output))
    rows.finish(
        node.output[states:],
        per_row("scan_output_axes", results_of_rows),
        [bool(way) for way in per_row("scan_output_directions", results_of_rows)],
    )


CONTROL = {"If": if_, "Loop": loop, "Scan": scan}
