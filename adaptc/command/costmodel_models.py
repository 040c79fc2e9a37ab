"""``adaptc costmodel train``, ``calibrate``, ``predict`` and ``show``."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from adaptc.command.output import OK, Output
from adaptc.command.progress import StageBars
from adaptc.command.text import facts, seconds, table
from adaptc.costmodel.model import CostModel, write_model
from adaptc.costmodel.shipped import Chosen, calibrated_file, choose, shipped_model, shipped_table
from adaptc.extras import needs_compiler, needs_costmodel
from adaptc.runtime.errors import InputError


def train_model(output: Output, source: Path | None, target: Path, seed: int, *, corrections: bool) -> int:
    """Make a model of the table `source`, or of the one that came along, and write it to `target`."""
    begin = time.perf_counter()
    with needs_costmodel():
        from adaptc.costmodel.calibrate import channels_of_table, rows_of_table
        from adaptc.costmodel.data.control_flow import measure_control_costs
        from adaptc.costmodel.data.table import read_table
        from adaptc.costmodel.models.boosted import Settings
        from adaptc.costmodel.train import train

        read = read_table(source or shipped_table())
    with StageBars(output.errors) as bars, needs_compiler():
        bars("reading", 0, 0)
        origin = read.origin
        rows = rows_of_table(read)
        if read.differences:  # what control flow costs there cannot be measured here
            chosen = choose(shipped_model(origin.machine))
            control, control_from = chosen.model.control, chosen.file.name
        else:
            control_from = "measured"
            with tempfile.TemporaryDirectory(prefix="adaptc-train-") as folder:
                control = measure_control_costs(Path(folder))
        about = {
            "machine": origin.machine,
            "versions": origin.versions,
            "rows": len(rows),
            "seed": seed,
            "table": read.path.name,
            "control_from": control_from,
        }
        model = train(rows, channels_of_table(read), control, about, bars, Settings() if corrections else None, seed)
    write_model(model, target)
    took = time.perf_counter() - begin
    output.print(*facts([("model", f"{target}, made in {seconds(took)}"), *_about(model)], output.console.width))
    output.answer({"ok": True, "model": str(target), "seconds": took, **_record(model)})
    return OK


def calibrate_model(output: Output, base: Path | None, target: Path | None) -> int:
    """Fit a model to this machine and write it to `target`, or where compiles on this machine look for it."""
    begin = time.perf_counter()
    with needs_compiler(), needs_costmodel():
        from adaptc.compiler.costmodel_units import UnitBuilder
        from adaptc.costmodel.calibrate import calibrate

    with StageBars(output.errors) as bars:
        model, found = calibrate(choose(base).model, UnitBuilder(), bars)
    file = target or calibrated_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_model(model, file)
    took = time.perf_counter() - begin
    rows = [("model", f"{file}, made in {seconds(took)}"), *_about(model)]
    rows.append(("fit", f"median error {found.median:.1%}, {found.within:.0%} of the units within 10 %"))
    output.print(*facts(rows, output.console.width))
    output.answer({"ok": True, "model": str(file), "seconds": took, "fit": vars(found), **_record(model)})
    return OK


def predict_file(output: Output, file: Path, model: Path | None, extent: int) -> int:
    """Tell what the blocks of a module in MLIR text take; "-" reads standard input."""
    chosen = choose(model)
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from error
    found = chosen.model.predict_text(text, extent)
    if not found:
        raise InputError(f"{file} has no block with tensor code: there is nothing to tell a time of")
    rows = table("block", ">time", ">of it kernels", ">from", ">to")
    for name, each in found.items():
        times = (each.time_us, each.kernels_us, each.low_us, each.high_us)
        rows.add_row(name, *(f"{value:.1f} µs" for value in times))
    output.print(rows)
    warnings = dict.fromkeys(warning for each in found.values() for warning in each.warnings)
    for warning in [*_differences(chosen), *warnings]:
        output.print(f"warning: {warning}")
    output.answer(
        {
            "ok": True,
            "model": str(chosen.file),
            "differences": list(chosen.differences),
            "blocks": {name: vars(each) for name, each in found.items()},
        }
    )
    return OK


def show_model(output: Output, model: Path | None) -> int:
    """Tell which model prices plans here, and what it was made of."""
    chosen = choose(model)
    output.print(*facts([("model", str(chosen.file)), *_about(chosen.model)], output.console.width))
    for warning in _differences(chosen):
        output.print(f"warning: {warning}")
    output.answer(
        {"ok": True, "model": str(chosen.file), "differences": list(chosen.differences), **_record(chosen.model)}
    )
    return OK


def _differences(chosen: Chosen) -> list[str]:
    if not chosen.differences:
        return []
    return [f"the model was made elsewhere ({'; '.join(chosen.differences)}): run adaptc costmodel calibrate"]


def _about(model: CostModel) -> list[tuple[str, str]]:
    about = model.about
    machine = about.get("machine", {})
    low, high = (math.expm1(each) for each in model.band)
    control = model.control
    told_by = about.get("control_from", "measured")
    source = "" if told_by == "measured" else f" (as in {told_by}: the table is of another machine)"
    return [
        ("machine", ", ".join(f"{name} {value}" for name, value in machine.items())),
        (
            "made of",
            f"{about.get('rows', '?')} units, ONNX Runtime {about.get('versions', {}).get('onnxruntime', '?')}",
        ),
        ("range", f"nine of ten units of unseen families take {-low:.0%} less to {high:.0%} more than it says"),
        ("by the host", f"a call {control.call:.2f} µs, and {control.value:.2f} µs for each array"),
        ("in a graph", f"a branch {control.branch:.2f} µs, an iteration {control.iteration:.2f} µs{source}"),
    ]


def _record(model: CostModel) -> dict[str, Any]:
    return {
        "about": dict(model.about),
        "band": list(model.band),
        "channels": model.channels,
        "control": vars(model.control),
    }
