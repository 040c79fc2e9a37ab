"""Which passes run, in which order: the default, and the text form of a pipeline."""

from __future__ import annotations

from adaptc.passes.program.bypass_empty_blocks import BypassEmptyBlocks
from adaptc.passes.program.fold_branches import FoldBranches
from adaptc.passes.program.forward_copies import ForwardCopies
from adaptc.passes.program.merge_chains import MergeChains
from adaptc.passes.program.propagate_constants import PropagateConstants
from adaptc.passes.program.remove_dead_values import RemoveDeadValues
from adaptc.passes.program.remove_unreachable import RemoveUnreachable
from adaptc.passes.rule import Pass


def default_pipeline() -> list[Pass]:
    """The passes of every compile.

    What is known decides tests and empties blocks, so values come first; choices without a difference free
    what they tested, so dead values come after them; the shape of the graph comes last. Now and then that
    frees values again: let the manager repeat the pipeline until nothing changes.
    """
    return [
        RemoveUnreachable(),
        PropagateConstants(),
        FoldBranches(),
        ForwardCopies(),
        BypassEmptyBlocks(),
        RemoveDeadValues(),
        BypassEmptyBlocks(),
        MergeChains(),
    ]
