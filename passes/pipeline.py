"""Which passes run, in which order: the default, and the text form of a pipeline."""

from __future__ import annotations

from adaptc.passes.block.normalization import LinearBatchNorm
from adaptc.passes.block.pooling import FlattenPooled
from adaptc.passes.block.projections import PackedProjection
from adaptc.passes.block.rows import (
    SelectBeforeAdd,
    SelectBeforeLayerNorm,
    SelectBeforeLinear,
    SelectBeforeUnary,
    WholeSlice,
)
from adaptc.passes.program.bypass_empty_blocks import BypassEmptyBlocks
from adaptc.passes.program.fold_branches import FoldBranches
from adaptc.passes.program.fold_weights import FoldWeights
from adaptc.passes.program.forward_copies import ForwardCopies
from adaptc.passes.program.merge_chains import MergeChains
from adaptc.passes.program.merge_equal_values import MergeEqualValues
from adaptc.passes.program.propagate_constants import PropagateConstants
from adaptc.passes.program.remove_dead_values import RemoveDeadValues
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.rule import Pass, Rule


def default_pipeline() -> list[Pass]:
    """The passes of every compile.

    What is known decides tests and empties blocks, so values come first; choices without a difference free
    what they tested, so dead values come after them. Rules follow, as a value that nothing outside reads any more
    keeps none of them from applying, and the weights that they compute with are folded. The shape of the graph comes
    last. Now and then that frees values again: let the manager repeat the pipeline until nothing changes.
    """
    return [
        RemoveUnreachable(),
        MergeEqualValues(),
        PropagateConstants(),
        FoldBranches(),
        ForwardCopies(),
        BypassEmptyBlocks(),
        RemoveDeadValues(),
        *default_rules(),
        FoldWeights(),
        BypassEmptyBlocks(),
        MergeChains(),
    ]


def default_rules() -> list[Rule]:
    """The rules of every compile; what each gains, benchmarks/rules.py measures."""
    return [
        LinearBatchNorm(),
        PackedProjection(),
        FlattenPooled(),
        WholeSlice(),
        SelectBeforeLinear(),
        SelectBeforeLayerNorm(),
        SelectBeforeAdd(),
        SelectBeforeUnary("gelu"),
        SelectBeforeUnary("relu"),
        SelectBeforeUnary("tanh"),
        SelectBeforeUnary("silu"),
    ]
