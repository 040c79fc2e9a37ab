"""Searches for programs on which the capture goes wrong, and prints each made small.

From the repository: OMP_NUM_THREADS=1 python -m tests.frontend.fuzz.hunt --first 0 --count 1000 [--grammar loops]
"""

from __future__ import annotations

import argparse
import collections
import re
import time

import torch

from .loops import write_loop_program
from .programs import write_program
from .running import Finding, examine, inputs, reduce

GRAMMARS = {"branches": write_program, "loops": write_loop_program}


def cause(finding: Finding) -> str:
    """What programs that fail for one reason have in common: the verdict, and for problems the first one's sentence."""
    if finding.verdict == "wrong":
        return "wrong"
    lines = [line for line in finding.text.splitlines() if line.strip()]
    found = lines[1] if len(lines) > 1 else finding.text
    return finding.verdict + re.sub(r"^.*?:\d+: |'[^']*'|\d+", "", found)


def main() -> None:
    """Run the search over a range of seeds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=600, help="stop after this time")
    options.add_argument("--grammar", choices=GRAMMARS, default="branches")
    options.add_argument("--refusals", action="store_true", help="print the refusals too")
    options.add_argument("--whole", action="store_true", help="print failing programs as they are")
    given = options.parse_args()
    torch.set_num_threads(1)
    calls = inputs()
    verdicts: collections.Counter[str] = collections.Counter()
    refusals: collections.Counter[str] = collections.Counter()
    start = time.monotonic()
    for seed in range(given.first, given.first + given.count):
        if time.monotonic() - start > given.seconds:
            break
        source = GRAMMARS[given.grammar](seed)
        filename = f"<random network {seed}>"
        began = time.monotonic()
        finding = examine(source, filename, calls)
        took = time.monotonic() - began
        verdicts[finding.verdict] += 1
        if took > 20:
            print(f"-- seed {seed}: slow, {took:.0f} s", flush=True)
        if finding.verdict == "refused":
            refusals[cause(finding)[:160]] += 1
        if finding.verdict in {"equal", "invalid"} or (finding.verdict == "refused" and not given.refusals):
            continue
        if not given.whole and not finding.text.startswith("more than"):
            wanted = cause(finding)

            def fails(text: str, wanted: str = wanted, filename: str = filename) -> bool:
                return cause(examine(text, filename, calls, 20)) == wanted

            source = reduce(source, fails)
            finding = examine(source, filename, calls)
        print(f"==== seed {seed}: {finding.verdict}: {finding.text[:900]}\n{source}", flush=True)
    for sentence, count in refusals.most_common():
        print(f"{count} {sentence}")
    print(dict(verdicts), flush=True)


if __name__ == "__main__":
    main()
