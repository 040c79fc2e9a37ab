"""Which reads cannot be forced, as the code of their own block computes with the number too.

Code runs before the host reads: a block of ``s = x.mean().item(); y = x * s`` takes the element itself into `y`, and
replacing what the host reads leaves `y` as it is.
"""

from __future__ import annotations

import torch
from torch import fx

from adaptc.compiler.ir.program import Block
from adaptc.runtime.hostprogram import Read

_TAKES = frozenset(
    {
        torch.ops.aten.view.default,
        torch.ops.aten.reshape.default,
        torch.ops.aten._unsafe_view.default,
        torch.ops.aten.item.default,
        torch.ops.aten._local_scalar_dense.default,
    }
)


def tied_reads(block: Block) -> frozenset[str]:
    """The names of the reads of `block` whose number its code takes: as a number, or by a view of no dimensions."""
    if block.code is None:
        return frozenset()
    nodes = list(block.code.graph.graph.nodes)
    holders = dict(zip(block.inputs, (node for node in nodes if node.op == "placeholder")))
    results = dict(zip((output.name for output in block.outputs), nodes[-1].args[0]))
    reads = [step for step in block.steps if isinstance(step, Read)]
    found = {step.name: results.get(step.tensor) or holders.get(step.tensor) for step in reads}
    return frozenset(name for name, node in found.items() if node is not None and any(map(_takes, node.users)))


def _takes(user: fx.Node) -> bool:
    value = user.meta.get("val")
    return user.target in _TAKES and (not isinstance(value, torch.Tensor) or value.dim() == 0)
