"""Searches for programs on which the capture goes wrong, and prints each made small.

From the repository: OMP_NUM_THREADS=1 python -m tests.frontend.fuzz.hunt --first 0 --count 1000 [--refusals]
"""

from __future__ import annotations

import argparse
import collections
import re
import time

import torch

from .programs import write_program
from .running import examine, inputs, reduce


def signature(text: str) -> str:
    """What findings of one cause have in common: their first lines without numbers, names and places."""
    body = [line for line in text.splitlines() if line.strip() and "^" not in line][:4]
    return re.sub(r"\d+(\.\d+)?", "#", " | ".join(body))[:160]


def main() -> None:
    """Run the search over a range of seeds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seconds", type=float, default=600, help="stop after this time")
    options.add_argument("--refusals", action="store_true", help="print the refusals too")
    options.add_argument("--whole", action="store_true", help="print failing programs as they are")
    given = options.parse_args()
    torch.set_num_threads(1)
    calls = inputs()
    verdicts: collections.Counter[str] = collections.Counter()
    start = time.monotonic()
    for seed in range(given.first, given.first + given.count):
        if time.monotonic() - start > given.seconds:
            break
        source = write_program(seed)
        filename = f"<random network {seed}>"
        began = time.monotonic()
        finding = examine(source, filename, calls)
        took = time.monotonic() - began
        verdicts[finding.verdict] += 1
        if took > 20:
            print(f"-- seed {seed}: slow, {took:.0f} s", flush=True)
        if finding.verdict in {"equal", "invalid"} or (finding.verdict == "refused" and not given.refusals):
            continue
        if not given.whole and finding.verdict != "refused" and "more than" not in finding.text[:10]:
            wanted = finding

            def fails(text: str, wanted: object = wanted, filename: str = filename) -> bool:
                return examine(text, filename, calls, 20).verdict == getattr(wanted, "verdict", "")

            source = reduce(source, fails)
            finding = examine(source, filename, calls)
        shown = source[source.find("class Network") :] if finding.verdict == "refused" else source
        print(f"==== seed {seed}: {finding.verdict}: {finding.text[:900]}", flush=True)
        if finding.verdict != "refused":
            print(shown, flush=True)
    print(dict(verdicts), flush=True)


if __name__ == "__main__":
    main()
