"""How an executable is called and what it gives back, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adaptc.runtime.hostprogram import HostProgram, Return, ValueSpec
from adaptc.runtime.manifest import Argument, Signature, TensorSpec
from adaptc.runtime.structure import leaf_paths
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


@dataclass(frozen=True)
class CallSignature:
    """The arguments, the flat inputs that they carry, and each different result, in the order of the program.

    ``str`` writes it as Python would: ``(x: float32[batch, 64], *, mask: bool[batch]) -> float32[batch, 10]``. The
    inputs numbered in `changes` are changed in place.
    """

    arguments: tuple[Argument, ...]
    inputs: tuple[TensorSpec, ...]
    results: tuple[str, ...]
    changes: tuple[int, ...] = ()

    def __str__(self) -> str:
        parts: list[str] = []
        starred = False
        for argument in self.arguments:
            if argument.kind == "keyword" and not starred:
                parts.append("*")
                starred = True
            parts.append(self._argument(argument))
        paths: dict[int, str] = {}
        for argument in self.arguments:
            paths.update(leaf_paths(argument.tree, argument.name))
        changed = f"  # changes {', '.join(paths[number] for number in self.changes)} in place" if self.changes else ""
        return f"({', '.join(parts)}) -> {' | '.join(self.results) or 'never returns'}{changed}"

    def _argument(self, argument: Argument) -> str:
        if isinstance(argument.tree, Static):
            return f"{argument.name}={argument.tree.value!r}"
        return f"{argument.name}: {tree_text(argument.tree, self.inputs)}"


def call_signature(signature: Signature, program: HostProgram) -> CallSignature:
    """The signature of an artifact's executable."""
    results = {
        tree_text(block.terminator.tree, block.terminator.specs): None
        for block in program.blocks
        if isinstance(block.terminator, Return)
    }
    return CallSignature(signature.arguments, signature.inputs, tuple(results), program.changes)


def tree_text(tree: Tree, specs: Sequence[TensorSpec | ValueSpec]) -> str:
    """A nested value, leaves as "float32[batch, 10]" or as the kind of a host scalar."""
    match tree:
        case Leaf(index=index):
            return _spec_text(specs[index])
        case Static(value=value):
            return repr(value)
        case TupleNode(items=items):
            texts = [tree_text(item, specs) for item in items]
            return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"
        case ListNode(items=items):
            return f"[{', '.join(tree_text(item, specs) for item in items)}]"
        case RowsNode(sequence=sequence, items=items):
            return f"{sequence} of {tree_text(items[0], specs)} by rows"
        case DictNode(keys=keys, items=items):
            pairs = (f"{key!r}: {tree_text(item, specs)}" for key, item in zip(keys, items))
            return f"{{{', '.join(pairs)}}}"
        case NamedTupleNode(name=name, fields=fields, items=items) | RecordNode(name=name, fields=fields, items=items):
            pairs = (f"{field}={tree_text(item, specs)}" for field, item in zip(fields, items))
            return f"{name}({', '.join(pairs)})"


def _spec_text(spec: TensorSpec | ValueSpec) -> str:
    if spec.shape is None:
        return spec.dtype
    return f"{spec.dtype}[{', '.join(map(str, spec.shape))}]"
