"""A collection on a Ray cluster of two workers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray")
import ray
from ray.cluster_utils import Cluster

from adaptc.compiler.costmodel_units import UnitBuilder
from adaptc.costmodel.data.collect import CollectOptions, collect
from adaptc.costmodel.data.table import read_table
from adaptc.costmodel.data.timing import TimingSettings

pytestmark = pytest.mark.long


@pytest.fixture
def cluster() -> Iterator[Any]:
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.add_node(num_cpus=1)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def test_chunks_are_measured_on_the_machines_of_a_cluster(cluster: Any, tmp_path: Path) -> None:
    options = CollectOptions(
        families=("linear", "elementwise"),
        count=3,
        timing=TimingSettings(passes=1, seconds=0.0),
        chunk=2,
        ray=cluster.address,
    )
    told: list[int] = []
    collected = collect(tmp_path / "t.parquet", options, UnitBuilder(), lambda stage, done, total: told.append(done))
    rows = read_table(tmp_path / "t.parquet").rows
    assert told == [0, 2, 4, 6]
    assert collected.rows == 6
    assert sorted(row.id for row in rows) == sorted(f"{name}/{n}" for name in options.families for n in range(3))
    assert all(row.machine for row in rows)
