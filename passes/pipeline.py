"""Which passes run, in which order: the default, and the text form of a pipeline."""

from __future__ import annotations

from pathlib import Path

from adaptc.compiler.profile import Profile
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
from adaptc.passes.program.combine_branches import CombineBranches
from adaptc.passes.program.decide_early import DecideEarly
from adaptc.passes.program.duplicate_tails import DuplicateTails
from adaptc.passes.program.fold_branches import FoldBranches
from adaptc.passes.program.fold_weights import FoldWeights
from adaptc.passes.program.forward_copies import ForwardCopies
from adaptc.passes.program.fuse_chains import FuseChains
from adaptc.passes.program.hoist_loop_invariants import HoistLoopInvariants
from adaptc.passes.program.merge_chains import MergeChains
from adaptc.passes.program.merge_equal_blocks import MergeEqualBlocks
from adaptc.passes.program.merge_equal_values import MergeEqualValues
from adaptc.passes.program.merge_projections import MergeProjections
from adaptc.passes.program.propagate_constants import PropagateConstants
from adaptc.passes.program.remove_dead_values import RemoveDeadValues
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.program.rotate_loops import RotateLoops
from adaptc.passes.program.select_cheap_branch import SelectCheapBranch
from adaptc.passes.program.specialise_hot_path import SpecialiseHotPath
from adaptc.passes.program.thread_jumps import ThreadJumps
from adaptc.passes.rule import Pass, Rule


def default_pipeline(cost_model: Path | None = None) -> list[Pass]:
    """The passes of every compile; `cost_model` is asked where one has to weigh, without it the one that fits this
    machine.

    What is known decides tests and empties blocks, so values come first; choices without a difference free what they
    tested, so dead values come after them; then the graph takes its shape. Jumps are threaded before branches become
    `select`, in which a constant does not show any more. Code moves once the graph has its shape: to where its inputs
    are made, in loops into the arms before it, and out of loops, which before that come to decide at their end: what
    is in them surely runs then. What follows one another becomes one code. Rules come last, as they see the most of a
    computation then, and a value that nothing outside reads any more keeps none of them from applying; layers that are
    left beside each other become one; the weights that all of these compute with are folded. Now and then that frees
    values again: let the manager repeat the pipeline until nothing changes.
    """
    return [
        RemoveUnreachable(),
        MergeEqualValues(),
        PropagateConstants(),
        FoldBranches(),
        ForwardCopies(),
        BypassEmptyBlocks(),
        ThreadJumps(),
        SelectCheapBranch(),
        CombineBranches(),
        MergeEqualBlocks(),
        RemoveDeadValues(),
        BypassEmptyBlocks(),
        MergeChains(),
        DecideEarly(),
        DuplicateTails(in_loops_only=True),
        RotateLoops(),
        HoistLoopInvariants(),
        FuseChains(),
        RemoveDeadValues(),
        *default_rules(),
        MergeProjections(str(cost_model or "")),
        FoldWeights(),
        MergeChains(),
    ]


def unpriced_pipeline() -> list[Pass]:
    """The default passes but those that ask a cost model: what one learns from must not depend on one."""
    return [each for each in default_pipeline() if not isinstance(each, MergeProjections)]


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


def profiled_pipeline(profile: Profile) -> list[Pass]:
    """The passes that follow the default ones where a profile of what those leave is at hand."""
    return [SpecialiseHotPath(profile), ForwardCopies(), RemoveDeadValues(), BypassEmptyBlocks(), MergeChains()]
