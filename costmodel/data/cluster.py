"""Measures chunks on the machines of a Ray cluster: one actor on each, which works as on a machine of its own."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from adaptc.costmodel.data.chunks import Chunk, Measured
from adaptc.costmodel.data.errors import TableError
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import Builder
from adaptc.costmodel.data.workers import measure_here

# without types of its own, and not there in most installations
ray: Any = importlib.import_module("ray")
strategies: Any = importlib.import_module("ray.util.scheduling_strategies")


class ClusterWorkers:
    """Measures chunks on a cluster. `address` is that of one that runs, "" starts one on this machine.

    adaptc has to be installed on every machine. Use as a context manager. Raises `TableError` where the cluster cannot
    be reached.
    """

    def __init__(self, address: str, builder: Builder, seed: int, settings: TimingSettings) -> None:
        self._owned = not ray.is_initialized()
        try:
            if self._owned:
                ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError) as error:
            raise TableError(f"no Ray cluster answers at {address}: {error}") from error
        self._given = (builder, seed, settings)

    def measure(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Chunk, Measured]]:
        """The chunks, each as it is done."""
        measurer = ray.remote(num_cpus=1, max_restarts=2, max_task_retries=2)(_Measurer)
        nodes = [node["NodeID"] for node in ray.nodes() if node["Alive"]]
        places = [strategies.NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes]
        idle = [measurer.options(scheduling_strategy=place).remote(*self._given) for place in places]
        waiting = list(reversed(chunks))
        running: dict[Any, tuple[Any, Chunk]] = {}
        while waiting or running:
            while waiting and idle:
                actor, chunk = idle.pop(), waiting.pop()
                running[actor.measure.remote(chunk)] = (actor, chunk)
            (done,), _ = ray.wait(list(running), num_returns=1)
            actor, chunk = running.pop(done)
            yield chunk, ray.get(done)
            idle.append(actor)

    def __enter__(self) -> ClusterWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owned:
            ray.shutdown()


class _Measurer:
    """On a machine of the cluster."""

    def __init__(self, builder: Builder, seed: int, settings: TimingSettings) -> None:
        self._builder, self._seed, self._settings = builder, seed, settings

    def measure(self, chunk: Chunk) -> Measured:
        return measure_here(self._builder, chunk, self._seed, self._settings)
