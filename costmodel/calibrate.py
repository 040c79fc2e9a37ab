"""Fits a cost model to this machine, in about a minute."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from adaptc.costmodel.data.collect import CollectOptions, collect
from adaptc.costmodel.data.control_flow import measure_control_costs
from adaptc.costmodel.data.machine import channels_of, this_machine, versions
from adaptc.costmodel.data.table import Dataset, read_table
from adaptc.costmodel.data.timing import TimingSettings
from adaptc.costmodel.data.units import Builder
from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.metrics import Metrics
from adaptc.costmodel.model import CostModel
from adaptc.costmodel.rows import Rows, rows_of
from adaptc.costmodel.train import refit

COUNT = 6
"""Samples of each family."""

SEED = 2_000_003
"""Their seed: no table of training data has it."""

Progress = Callable[[str, int, int], None]


def calibrate(model: CostModel, builder: Builder, progress: Progress, count: int = COUNT) -> tuple[CostModel, Metrics]:
    """`model` fitted to this machine, and how well it now tells the units that it was fitted to.

    Measures `count` small units of each family; a minute on two cores on which nothing else runs. Raises
    `CostModelError` where too few of them could be built.
    """
    with tempfile.TemporaryDirectory(prefix="adaptc-calibrate-") as made:
        folder = Path(made)
        options = CollectOptions(count=count, seed=SEED, timing=TimingSettings(5, 0.003), chunk=count * 64)
        collect(folder / "units.parquet", options, builder, progress)
        rows = rows_of_table(read_table(folder / "units.parquet"))
        progress("control flow", 0, 0)
        control = measure_control_costs(folder)
    about = {
        "machine": this_machine().record(),
        "versions": versions(),
        "calibrated_from": dict(model.about.get("machine", {})),
        "rows": len(rows),
    }
    return refit(model, rows, channels_of(this_machine().vector_bits), control, about)


def channels_of_table(table: Dataset) -> int:
    """In blocks of how many channels images are kept on the machine that a table was measured on."""
    return channels_of(int(table.origin.machine["vector_bits"]))


def rows_of_table(table: Dataset) -> Rows:
    """The rows of a table as models take them. Raises `CostModelError` where they come from several machines, whose
    times make no model of any."""
    rows = table.rows
    machines = sorted({row.machine for row in rows})
    if len(machines) > 1:
        raise CostModelError(f"{table.path} has rows of several machines, of which each needs a model: {machines}")
    return rows_of(
        [row.family for row in rows],
        [row.mlir for row in rows],
        [row.time_us for row in rows],
        [row.pass_us for row in rows],
        channels_of_table(table),
        [row.sizes for row in rows],
    )
