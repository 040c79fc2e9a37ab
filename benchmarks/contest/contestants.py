"""The contestants by name. Each makes itself ready for a network in a process of its own (`worker.py`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from contest import ours, peers
from contest.cases import Case
from contest.worker import Prepared

Kind = Literal["ours", "peer", "bound"]
"""adaptc, a general way to run the same network, or a bound that knows the path in advance."""


@dataclass(frozen=True)
class Contestant:
    """`prepare` takes the case, the threads, and a folder for what should last from run to run."""

    title: str
    kind: Kind
    prepare: Callable[[Case, int, Path], Prepared]


CONTESTANTS: dict[str, Contestant] = {
    "eager": Contestant("eager", "peer", peers.eager),
    "compile": Contestant("compile", "peer", partial(peers.compiled, best=False)),
    "compile_max": Contestant("comp-max", "peer", partial(peers.compiled, best=True)),
    "script": Contestant("script", "peer", peers.scripted),
    "aoti": Contestant("AOTI", "peer", peers.ahead_of_time),
    "onnx_if": Contestant("ONNX-If", "peer", peers.onnx_if),
    "blocks": Contestant("blocks", "ours", partial(ours.executable, by_block=True)),
    "adaptc": Contestant("adaptc", "ours", partial(ours.executable, by_block=False)),
    "oracle": Contestant("oracle", "bound", partial(ours.oracle, predicates=True)),
    "oracle_without": Contestant("or-bare", "bound", partial(ours.oracle, predicates=False)),
}
