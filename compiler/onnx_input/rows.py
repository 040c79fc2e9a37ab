"""The results of iterations of a loop, put together as the rows of a tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ValueInfoProto

from adaptc.compiler.onnx_input.dtypes import DTYPES
from adaptc.compiler.onnx_input.values import Value
from adaptc.compiler.onnx_input.writer import Types, Writer


class Rows:
    """Writes how rows are collected: in a list, or where the loop may end at once in a tensor without rows.

    Where the sizes of such a tensor are not known, a list it is: then a loop that ends at once raises an error.
    """

    def __init__(
        self, writer: Writer, outputs: Sequence[ValueInfoProto], types: Mapping[str, Types], at_least_one: bool
    ) -> None:
        self.writer = writer
        self.names = [writer.names.fresh(f"{output.name}_rows") for output in outputs]
        self.empty = [None if at_least_one else self._empty(types.get(output.name)) for output in outputs]

    def _empty(self, types: Types | None) -> str | None:
        if types is None or types.shape is None or types.dtype not in DTYPES:
            return None
        sizes = [str(size) if isinstance(size, int) else self.writer.sizes.get(size or "") for size in types.shape]
        if None in sizes:
            return None
        return f"torch.zeros([{', '.join(['0', *map(str, sizes)])}], dtype={DTYPES[types.dtype]})"

    def begin(self) -> None:
        """Before the loop."""
        for name, empty in zip(self.names, self.empty):
            self.writer.source.add(f"{name} = {empty or '[]'}")

    def append(self, inner: Writer, results: Sequence[Value]) -> None:
        """At the end of the loop's body."""
        for name, empty, result in zip(self.names, self.empty, results):
            row = inner.tensor(result)
            if empty is None:
                inner.source.add(f"{name}.append({row})")
            else:
                inner.source.add(f"{name} = torch.cat([{name}, {row}.unsqueeze(0)])")

    def finish(self, outputs: Sequence[str], axes: Sequence[int], turned: Sequence[bool]) -> None:
        """Behind the loop."""
        for name, empty, output, axis, backwards in zip(self.names, self.empty, outputs, axes, turned):
            if not output:
                continue
            text = f"torch.stack({name}, {axis})" if empty is None else name
            text = f"{text}.movedim(0, {axis})" if axis and empty is not None else text
            text = f"{text}.flip({axis})" if backwards else text
            made = self.writer.names.fresh(output)
            self.writer.source.add(f"{made} = {text}")
            self.writer.values[output] = Value("tensor", made, length=self.writer.rank(output))
