"""What a caller may choose about a compile, and how a compile tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

PlanMode = Literal["auto", "measure", "graphs", "blocks"]
"""Whether each region runs as one graph or block by block as is expected to be faster, or as was measured to be; or
every region that can is a graph; or every block stays a unit of its own."""

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, the steps done and the steps in all (0: not known)."""


def no_progress(stage: str, done: int, total: int) -> None:
    """A `Progress` that tells nobody."""


@dataclass(frozen=True)
class CompileOptions:
    """The choices of one compile.

    `dynamic` maps an input's name to its dynamic axes and their dimension names. `samples` are further input
    sets for verification, each of the same form as the example inputs. `random_inputs` is the number of random
    input sets that verification runs, drawn from `seed`; a run in which a loop takes more than `max_iterations` is not
    compared. `folder` is the one that the artifact's names of source
    files are relative to (the model file's); None leaves them relative to ``sys.path``. `random_seed` is the seed of
    the network's own random numbers; with None a network that draws any is refused. `plan` says which regions become
    single graphs; "measure" times both ways on the inputs that verification runs. `profile` is a file that
    ``adaptc profile`` wrote (`adaptc.compiler.profile`): what is likely is made fast. `cost_model` is the file of the
    cost model that prices plans; without one it is the one that fits this machine best (`adaptc.costmodel.shipped`).
    """

    name: str = "network"
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    samples: tuple[object, ...] = ()
    engine: str = "onnxruntime"
    plan: PlanMode = "auto"
    verify: bool = True
    random_inputs: int = 8
    max_iterations: int = 10_000
    seed: int = 0
    random_seed: int | None = None
    folder: Path | None = None
    profile: Path | None = None
    cost_model: Path | None = None
