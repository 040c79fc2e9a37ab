"""What a pass gains on whole networks: the default pipeline beside one in which the pass is another, timed in turns.

    OMP_NUM_THREADS=1 python benchmarks/passes.py "duplicate-tails{in_loops_only=false}" [--networks captioner]
    OMP_NUM_THREADS=1 python benchmarks/passes.py --without merge-projections

Compiles networks of the suite with the default passes, and again with the given one in place of that of the same name
or without one, and prints the expected latency of both over the suite's inputs in µs, their ratio, and what of it may
be noise.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from adaptc.compiler.artifact import write_contents
from adaptc.compiler.driver import capture_program
from adaptc.compiler.plan.learned import LearnedCost
from adaptc.costmodel.shipped import choose
from adaptc.passes import PassManager
from adaptc.passes.pipeline import default_pipeline
from adaptc.passes.registry import load_registry
from adaptc.passes.rule import Pass
from adaptc.runtime import Executable, load

sys.path.insert(0, str(Path(__file__).parent))

from contest.cases import Case, make_case
from contest.networks import networks
from planner import SMALL, in_turns, row


def main() -> None:
    """Compile twice, time in turns, print a row for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    other = parser.add_mutually_exclusive_group(required=True)
    other.add_argument("instead", nargs="?", help="a pass with its options, as adaptc opt --passes takes it")
    other.add_argument("--without", metavar="NAME", help="a default pass that is left out")
    parser.add_argument("--networks", default=SMALL, help="of benchmarks/contest/networks.py")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each network is timed")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    if options.without:
        changed = [each for each in default_pipeline() if each.name != options.without]
        if len(changed) == len(default_pipeline()):
            parser.error(f"{options.without} is no default pass")
    else:
        (instead,) = load_registry().parse(options.instead)
        changed = [instead if each.name == instead.name else each for each in default_pipeline()]
    print(row("network", "default", "instead", "ratio", "noise"))
    for name in options.networks.split(","):
        case = make_case(name, networks()[name])
        with tempfile.TemporaryDirectory(prefix="adaptc-passes-") as made:
            both = [
                compiled(case, passes, Path(made) / f"{place}")
                for place, passes in enumerate((default_pipeline(), changed))
            ]
            times = in_turns(both, case, options.seconds)
        default, other = times.expected(0), times.expected(1)
        noise = times.difference(1, 0).noise / default
        print(row(name, f"{default:.1f}", f"{other:.1f}", f"{other / default:.3f}", f"{noise:.1%}"), flush=True)


def compiled(case: Case, passes: Sequence[Pass], folder: Path) -> Executable:
    """The network of `case` after `passes`, planned by its expected cost, in the new folder `folder`."""
    program, _ = capture_program(
        case.model, case.example, name="network", dynamic=case.dynamic, random_seed=case.random_seed
    )
    PassManager(passes).run(program)
    folder.mkdir()
    write_contents(program, folder, {}, cost=LearnedCost(choose()))
    return load(folder)


if __name__ == "__main__":
    main()
