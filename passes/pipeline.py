"""Which passes run, in which order: the default, and the text form of a pipeline."""

from __future__ import annotations

from adaptc.compiler.profile import Profile
from adaptc.passes.program.bypass_empty_blocks import BypassEmptyBlocks
from adaptc.passes.program.combine_branches import CombineBranches
from adaptc.passes.program.decide_early import DecideEarly
from adaptc.passes.program.duplicate_tails import DuplicateTails
from adaptc.passes.program.fold_branches import FoldBranches
from adaptc.passes.program.forward_copies import ForwardCopies
from adaptc.passes.program.fuse_chains import FuseChains
from adaptc.passes.program.hoist_loop_invariants import HoistLoopInvariants
from adaptc.passes.program.merge_chains import MergeChains
from adaptc.passes.program.merge_equal_blocks import MergeEqualBlocks
from adaptc.passes.program.propagate_constants import PropagateConstants
from adaptc.passes.program.remove_dead_values import RemoveDeadValues
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.program.select_cheap_branch import SelectCheapBranch
from adaptc.passes.program.specialise_hot_path import SpecialiseHotPath
from adaptc.passes.program.thread_jumps import ThreadJumps
from adaptc.passes.program_pass import ProgramPass


def default_pipeline() -> list[ProgramPass]:
    """The passes of every compile.

    What is known decides tests and empties blocks, so values come first; choices without a difference free
    what they tested, so dead values come after them; then the graph takes its shape. Jumps are threaded before
    branches become `select`, in which a constant does not show any more. Code moves once the graph has its shape: to
    where its inputs are made, into the arms before it, out of loops; what then follows one another becomes one code.
    Now and then that frees values again: let the manager repeat the pipeline until nothing changes.
    """
    return [
        RemoveUnreachable(),
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
        DuplicateTails(),
        HoistLoopInvariants(),
        FuseChains(),
        RemoveDeadValues(),
        MergeChains(),
    ]


def profiled_pipeline(profile: Profile) -> list[ProgramPass]:
    """The passes that follow the default ones where a profile of what those leave is at hand."""
    return [SpecialiseHotPath(profile), ForwardCopies(), RemoveDeadValues(), BypassEmptyBlocks(), MergeChains()]
