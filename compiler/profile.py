"""How often each way of each decision is taken on real inputs: what ``adaptc profile`` writes and a compile reads.

This needs no PyTorch, as little as the artifacts that are profiled.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from adaptc.runtime.errors import AdaptcError
from adaptc.runtime.hostprogram import Branch, HostBlock, Read, Switch, Terminator, successors
from adaptc.runtime.longpaths import listed
from adaptc.runtime.trace import Trace

if TYPE_CHECKING:
    from adaptc.compiler.ir.program import Block

SCHEMA = 1
MOST_PATHS = 256
"""How many paths a profile lists, the most frequent ones."""


class PathCount(msgspec.Struct, frozen=True):
    """A path, as artifacts list it (`adaptc.runtime.longpaths`), and how many calls took it."""

    blocks: tuple[str, ...]
    calls: int


class Profile(msgspec.Struct, frozen=True):
    """`ways` has for each block that decides how often each of its edges was taken, in the order of
    `hostprogram.successors`; `fingerprint` tells for which control flow this holds. `paths` come in the order of their
    `calls`, `distinct` is how many there were."""

    network: str
    fingerprint: str
    calls: int
    ways: dict[str, tuple[int, ...]]
    paths: tuple[PathCount, ...]
    distinct: int
    schema: int = SCHEMA


NO_PROFILE = Profile("", "", 0, {}, (), 0)
"""Of no calls."""


def fingerprint(entry: str, blocks: Iterable[Block | HostBlock]) -> str:
    """What tells a network's control flow from that of others: its blocks, the lines of its reads and decisions, and
    where its edges lead. Weights are no part of it: a profile holds for a network that was trained on."""
    rows = [
        (
            block.name,
            tuple(step.loc for step in block.steps if isinstance(step, Read)),
            type(block.terminator).__name__,
            getattr(block.terminator, "loc", ""),
            tuple(edge.block for edge in successors(block.terminator)),
        )
        for block in blocks
    ]
    return hashlib.sha256(repr((entry, sorted(rows))).encode()).hexdigest()


class Recorder:
    """Counts the ways of the calls of one artifact."""

    def __init__(self, network: str, entry: str, blocks: Sequence[HostBlock]) -> None:
        self._network = network
        self._fingerprint = fingerprint(entry, blocks)
        self._terminators = {block.name: block.terminator for block in blocks}
        self._ways: dict[str, list[int]] = {
            block.name: [0] * len(successors(block.terminator))
            for block in blocks
            if isinstance(block.terminator, (Branch, Switch))
        }
        self._paths: Counter[tuple[str, ...]] = Counter()
        self._calls = 0

    def add(self, trace: Trace) -> None:
        """Count one call."""
        for name, edge in edges_taken(trace, self._terminators):
            self._ways[name][edge] += 1
        self._paths[listed(trace.path)] += 1
        self._calls += 1

    def profile(self) -> Profile:
        """What was counted."""
        return Profile(
            self._network,
            self._fingerprint,
            self._calls,
            {name: tuple(counts) for name, counts in self._ways.items()},
            tuple(PathCount(blocks, calls) for blocks, calls in self._paths.most_common(MOST_PATHS)),
            len(self._paths),
        )


def edges_taken(trace: Trace, terminators: Mapping[str, Terminator]) -> Iterator[tuple[str, int]]:
    """The blocks of a call that decide, in order, each with the number of the edge taken, as `hostprogram.successors`
    has them. `terminators` are those of all blocks."""
    taken = iter(way for _, way in trace.decisions)
    for name in trace.path:
        terminator = terminators[name]
        if isinstance(terminator, Branch):
            yield name, 0 if next(taken) else 1
        elif isinstance(terminator, Switch):
            index, keys = int(next(taken)), terminator.keys
            yield name, keys.index(index) if index in keys else len(keys)


def write_profile(profile: Profile, file: Path) -> None:
    """Write a profile as JSON. Raises AdaptcError where it cannot be written."""
    try:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(profile), indent=2) + b"\n")
    except OSError as error:
        raise AdaptcError(f"cannot write {file}: {error.strerror or error}") from error


def read_profile(file: Path) -> Profile:
    """The profile in a file. Raises AdaptcError where it is missing or is none."""
    try:
        profile = msgspec.json.decode(file.read_bytes(), type=Profile)
    except OSError as error:
        raise AdaptcError(f"cannot read the profile {file}: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise AdaptcError(
            f"{file} is no profile: {error}; one is written by: adaptc profile ARTIFACT INPUTS -o {file.name}"
        ) from error
    if profile.schema != SCHEMA:
        raise AdaptcError(f"the profile {file} has format {profile.schema}, this version reads {SCHEMA}: make it again")
    return profile


def check_profile(profile: Profile, file: Path, network: str, entry: str, blocks: Iterable[Block | HostBlock]) -> None:
    """Raise AdaptcError where `profile` was recorded on other control flow than that of these blocks."""
    if profile.fingerprint != fingerprint(entry, blocks):
        raise AdaptcError(
            f"the profile {file} was recorded on {profile.network}, whose decisions differ from those of {network}: "
            f"other lines of the source, or another control flow; compile {network} without a profile and record it "
            f"again: adaptc profile ARTIFACT INPUTS -o {file.name}"
        )
