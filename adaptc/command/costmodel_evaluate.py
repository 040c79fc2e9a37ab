"""``adaptc costmodel evaluate``."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adaptc.command.output import OK, Output
from adaptc.command.progress import StageBars
from adaptc.command.text import count, table
from adaptc.extras import needs_compiler, needs_costmodel
from adaptc.runtime.errors import InputError

_SPLITS = {
    "family": "families that were not seen (one held out at a time; slow models: five groups of families)",
    "size": "the longest fifth of the runs held out",
    "real": "units of existing networks, fitted to drawn ones",
    "seen": "the drawn units that the models were fitted to: what their form can tell at best",
}


_SETTLED = 0.02
"""What the two best passes of a unit may differ by, relative to the best, where it is called settled."""


@dataclass(frozen=True)
class EvaluateRequest:
    """The command line of ``adaptc costmodel evaluate``."""

    source: Path | None
    models: tuple[str, ...]
    splits: tuple[str, ...]
    seeds: int
    details: bool
    save: Path | None
    plot: Path | None


def evaluate_models(output: Output, request: EvaluateRequest) -> int:
    """Compare models on rows that they have not seen."""
    with needs_costmodel():
        from adaptc.costmodel.calibrate import rows_of_table
        from adaptc.costmodel.contestants import CONTESTANTS, SLOW
        from adaptc.costmodel.data.table import read_table
        from adaptc.costmodel.data.timing import is_settled
        from adaptc.costmodel.evaluate import Score, predictions, score, splits_for
        from adaptc.costmodel.kernels.agreement import are_executed
        from adaptc.costmodel.metrics import noise_floor
        from adaptc.costmodel.shipped import shipped_table

        read = read_table(request.source or shipped_table())
    names = request.models or tuple(name for name in CONTESTANTS if name not in SLOW)
    check_names("model", names, CONTESTANTS)
    check_names("split", request.splits, _SPLITS)
    everything = rows_of_table(read)
    answer: dict[str, Any] = {"ok": True, "table": str(read.path), "splits": {}}
    floor = noise_floor(everything.passes)
    output.print(
        f"{count(len(everything), 'unit')} of {len(set(everything.families))} families"
        f"; half of the passes tell the other half to {floor.median:.1%} (median), {floor.within:.0%} within 10 %"
    )
    answer["noise"] = asdict(floor)
    settled = sum(is_settled(row.pass_us, _SETTLED) for row in read.rows) / max(1, len(everything))
    answer["settled"] = settled
    output.print(f"the two best passes of {settled:.1%} differ by no more than {_SETTLED:.0%}")
    pairs = zip(everything.features, read.rows)
    agreeing = sum(are_executed(features.kernels, row.kernels) for features, row in pairs)
    answer["kernels_as_executed"] = agreeing / max(1, len(everything))
    output.print(
        f"the kernels of {answer['kernels_as_executed']:.1%} are those that the engine executed, no more, no less"
    )
    for split in request.splits or tuple(_SPLITS):
        rows = everything if split == "real" else everything.where(real=False)
        scores: dict[str, Score] = {}
        with StageBars(output.errors) as bars, needs_compiler():
            for number, name in enumerate(names):
                bars(f"{split}: {name}", 0, 0)
                held = splits_for(name, rows, split)
                if not held:
                    continue
                seeds = range(request.seeds if split == "family" else 1)
                scores[name] = score(name, CONTESTANTS[name], rows, held, seeds, lambda text: None)
                bars(f"{split}: {name}", number + 1, len(names))
        if not scores:
            continue
        output.print("", f"{split}: {_SPLITS[split]}", _table(scores))
        if request.details:
            output.print(_by_family(scores))
        answer["splits"][split] = {name: asdict(each) for name, each in scores.items()}
    if request.plot is not None:
        from adaptc.costmodel.plot import scatter

        rows, name = everything.where(real=False), names[-1]
        places, found = predictions(CONTESTANTS[name], rows, splits_for(name, rows, "family"), 0)
        request.plot.write_text(
            scatter(found, rows.times[list(places)], [rows.families[place] for place in places], name)
        )
        output.print("", f"plot of {name}: {request.plot}")
    if request.save is not None:
        request.save.write_text(json.dumps(answer, indent=1))
    output.answer(answer)
    return OK


def check_names(kind: str, names: Sequence[str], known: Collection[str]) -> None:
    """Raise `InputError` for a name that is not among those of its kind."""
    for name in names:
        if name not in known:
            raise InputError(f"there is no {kind} {name!r}; there are {', '.join(known)}")


def _table(scores: Any) -> Any:
    rows = table("model", ">median", ">±", ">MAPE", ">≤10%", ">p95", ">bias", ">tau", ">in families")
    for name, each in scores.items():
        all_ = each.overall
        rows.add_row(
            *(name, f"{all_.median:.1%}", f"{each.spread:.1%}", f"{all_.mape:.0%}", f"{all_.within:.0%}"),
            *(f"{all_.p95:.0%}", f"{all_.bias:+.0%}", f"{all_.tau:.3f}", f"{each.tau_in_families:.3f}"),
        )
    return rows


def _by_family(scores: Any) -> Any:
    names = list(scores)
    rows = table("family", ">units", *(f">{name}" for name in names))
    first = scores[names[0]].by_family
    for family, found in first.items():
        cells = [scores[name].by_family[family] for name in names]
        rows.add_row(family, str(found.rows), *(f"{cell.median:.1%} {cell.within:.0%}" for cell in cells))
    return rows
