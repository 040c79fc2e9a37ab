"""What a compile did: the record that is returned, printed, and kept in the artifact's ``report.json``."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from adaptc.compiler.ir.host_types import show
from adaptc.compiler.ir.program import Program
from adaptc.compiler.locations import Locations
from adaptc.compiler.summary import BlockSummary, BranchSummary, branches
from adaptc.compiler.verify.report import VerificationReport


@dataclass(frozen=True)
class Stage:
    """A stage of the compile and the seconds it took."""

    name: str
    seconds: float


@dataclass
class Stages:
    """Times stages as they run."""

    done: list[Stage] = field(default_factory=list)

    @contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Add a stage called `name` that takes as long as the body."""
        start = time.perf_counter()
        yield
        self.done.append(Stage(name, time.perf_counter() - start))


@dataclass(frozen=True)
class CompileReport:
    """The result of a compile.

    `codes` counts distinct structures among the blocks, `units` the files that run them, and `graphs` those that run
    whole regions; `plan` says of each region how it runs and why, for each program of a session. `weight_bytes` is
    the size of the weights in the artifact, `parameter_bytes` that of the distinct parameters that blocks use, and
    `artifact_bytes` the size of the whole artifact. `verification` is empty where the compile did not verify;
    otherwise its "paths" list every path that was compared with eager PyTorch. `sessions` tells of calls that follow
    each other, and is empty for a network that leaves nothing behind for the next call. `profile` is the one that the
    compile was given, as JSON values.
    """

    name: str
    output: Path
    engine: str
    blocks: tuple[BlockSummary, ...]
    branches: tuple[BranchSummary, ...]
    codes: int
    units: int
    graphs: int
    plan: tuple[Mapping[str, Any], ...]
    weight_bytes: int
    parameter_bytes: int
    artifact_bytes: int
    passes: tuple[Mapping[str, Any], ...]
    stages: tuple[Stage, ...]
    notes: tuple[str, ...]
    verification: Mapping[str, Any]
    sessions: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_single(self) -> bool:
        """Whether a single ONNX model was written, not an artifact."""
        return self.output.suffix == ".onnx"

    @property
    def seconds(self) -> float:
        """The time of all stages."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def paths(self) -> list[dict[str, Any]]:
        """The paths that were verified: name, blocks, decisions, worst relative error, exception raised."""
        return list(self.verification.get("paths", []))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON values, for ``report.json``: all but where the artifact is and how large."""
        record = asdict(self)
        for key in ("output", "artifact_bytes"):
            del record[key]
        record["verification"] = {key: value for key, value in self.verification.items() if key != "paths"}
        return {**record, "seconds": self.seconds, "paths": self.paths}


def session_record(report: VerificationReport | None, program: Program, locations: Locations) -> dict[str, Any]:
    """What there is to tell of sessions of `program`, as JSON values.

    "state" are the values that a call leaves for the next, by the program that takes them, "fixed" the dimensions that
    have one size in a session; where calls cannot follow each other, "impossible" says why. Of a verification,
    `report`, there are the number of "paths" through several calls, the worst relative error, marginal flips, and the
    ways of tests that no call of them took.
    """
    if not program.later:
        return {"impossible": locations.short(program.no_session)} if program.no_session else {}
    record: dict[str, Any] = {
        "programs": [part.name for part in program.later],
        "blocks": sum(len(part.blocks) for part in program.later),
        "state": [[show(param.type) for param in part.state] for part in program.later],
        "fixed": list(program.fixed),
    }
    if report is not None:
        found = locations.shortened(report.to_dict())
        record |= {key: found[key] for key in ("complete", "max_relative_error", "marginal", "rounded")}
        record["paths"] = len(found["paths"])
        compared = [result.path for result in report.paths if result.forced + result.natural]
        taken = {(decision.loc, decision.taken) for path in compared for decision in path.decisions}
        missed = dict.fromkeys((item.loc, item.taken) for item in report.never_taken)
        record["never_taken"] = [
            {"loc": locations.short(loc), "taken": way} for loc, way in missed if (loc, way) not in taken
        ]
    return record


def verification_record(report: VerificationReport, program: Program, locations: Locations) -> dict[str, Any]:
    """A verification of `program` as JSON values, with locations shortened.

    Each decision of a path says whether it is a "choice" (False where its test depends on constants and known sizes
    alone), and each edge that was never taken in how many "places" of the program its line decides, and whether its
    test is "constant": whatever the inputs, it goes another way.
    """
    record: dict[str, Any] = locations.shortened(report.to_dict())
    for result, path in zip(report.paths, record["paths"]):
        for decision, row in zip(result.path.decisions, path["decisions"]):
            row["choice"] = decision.choice
    choices = {item.edge.block: item.choice for result in report.paths for item in result.path.decisions}
    fixed = all(isinstance(dim, int) for entry in program.inputs for dim in entry.type.shape)
    places = Counter(branch.loc for branch in branches(program, locations))
    for edge in record["never_taken"]:
        edge["places"] = places[edge["loc"]]
        edge["constant"] = fixed and choices.get(edge["block"]) is False
    return record
