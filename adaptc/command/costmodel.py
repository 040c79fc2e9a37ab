"""``adaptc costmodel``: what belongs to the learned cost model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import typer

from adaptc.command.options import Json, ShowTraceback
from adaptc.command.output import OK, Output, run_subcommand
from adaptc.command.progress import StageBars
from adaptc.command.text import count, facts, size, table
from adaptc.extras import needs_compiler, needs_costmodel

costmodel = typer.Typer(
    name="costmodel",
    help="The learned cost model: what code costs, told from its MLIR.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TableFile = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this at run time
    typer.Argument(metavar="[TABLE.parquet]", help="What collect wrote; without it, the table that comes along."),
]
ModelFile = Annotated[
    Optional[Path],  # noqa: UP045 - typer reads this at run time
    typer.Option("--model", metavar="FILE", help="A cost model; without it, the one that fits this machine best."),
]


@dataclass(frozen=True)
class CollectRequest:
    """The command line of ``adaptc costmodel collect``."""

    output: Path
    families: tuple[str, ...]
    count: int
    seed: int
    networks: tuple[str, ...]
    passes: int
    more: int
    seconds: float
    chunk: int
    ray: str | None


@costmodel.command("collect")
def collect_command(
    output: Annotated[Path, typer.Argument(metavar="OUT.parquet", help="The table; parts go to OUT.parquet.parts.")],
    families: Annotated[
        Optional[str],  # noqa: UP045 - typer reads this at run time
        typer.Option("--families", metavar="A,B", help="Families to draw from; without it, all of them."),
    ] = None,
    number: Annotated[int, typer.Option("--count", min=0, help="Samples of each family.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the samples.")] = 0,
    network: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--network", metavar="FILE.py[:NAME]", help="Take all units of this model file's network too. Repeatable."
        ),
    ] = None,
    passes: Annotated[int, typer.Option(min=1, help="Passes over a chunk; a unit's time is its best one.")] = 5,
    more: Annotated[
        int, typer.Option("--more-passes", min=0, help="Passes more for units whose two best differ by over 2 %.")
    ] = 12,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long calls of one unit are timed in one pass.")] = 0.004,
    chunk: Annotated[int, typer.Option(min=1, help="Samples that are built, timed and kept together.")] = 60,
    ray: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--ray", metavar="ADDRESS", help='Measure on the machines of a Ray cluster; "local" starts one.'),
    ] = None,
    list_families: Annotated[bool, typer.Option("--list", help="List the families.")] = False,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Time small networks of many families on this machine, into one table.

    Parts that are done are kept: the same command goes on where it was ended.
    """
    if list_families:
        run_subcommand(show_families, as_json=as_json, show_traceback=show_traceback)
    request = CollectRequest(
        output, _listed(families), number, seed, tuple(network or ()), passes, more, seconds, chunk, ray
    )
    run_subcommand(lambda out: collect_table(out, request), as_json=as_json, show_traceback=show_traceback)


@costmodel.command("train")
def train_command(
    table_file: TableFile = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="Where the model is written.")] = Path(
        "trained.costmodel"
    ),
    corrections: Annotated[
        bool, typer.Option("--corrections/--no-corrections", help="Correct the sum kernel by kernel, by boosted trees.")
    ] = True,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the trees and of the families held out together.")] = 0,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Make a cost model from a table of timed units."""
    from adaptc.command.costmodel_models import train_model

    run_subcommand(
        lambda out: train_model(out, table_file, output, seed, corrections=corrections),
        as_json=as_json,
        show_traceback=show_traceback,
    )


@costmodel.command("evaluate")
def evaluate_command(
    table_file: TableFile = None,
    models: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--models", metavar="A,B", help="Models to compare; without it, all that are fitted in seconds."),
    ] = None,
    splits: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--splits", metavar="A,B", help="What is held out: family, size, real, seen; without it, each."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each model, for the spread of its median error.")] = 1,
    details: Annotated[bool, typer.Option("--details", help="Print the errors of each family.")] = False,
    save: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--save", metavar="FILE.json", help="Keep all figures."),
    ] = None,
    plot: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--plot", metavar="FILE.svg", help="Draw what the last model says of unseen families."),
    ] = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Compare models on units that they have not seen."""
    from adaptc.command.costmodel_evaluate import EvaluateRequest, evaluate_models

    request = EvaluateRequest(table_file, _listed(models), _listed(splits), seeds, details, save, plot)
    run_subcommand(lambda out: evaluate_models(out, request), as_json=as_json, show_traceback=show_traceback)


@costmodel.command("decisions")
def decisions_command(
    table_file: Annotated[
        Optional[Path],  # noqa: UP045 - typer reads this at run time
        typer.Argument(metavar="[TABLE.parquet]", help="Measured decisions; without it, those that come along."),
    ] = None,
    model: ModelFile = None,
    collect: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--collect", min=0, metavar="N", help="Measure N decisions of each kind into the table first."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of those that are measured.")] = 0,
    kinds: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--kinds", metavar="A,B", help="Kinds of decisions; without it, all of them."),
    ] = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Tell by how much what the cost model would choose is slower than the fastest way."""
    from adaptc.command.costmodel_decisions import DecisionsRequest, show_decisions

    request = DecisionsRequest(table_file, model, collect, seed, _listed(kinds))
    run_subcommand(lambda out: show_decisions(out, request), as_json=as_json, show_traceback=show_traceback)


@costmodel.command("calibrate")
def calibrate_command(
    base: ModelFile = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o", "--output", metavar="FILE", help="Where the model is written; without it, where compiles look for it."
        ),
    ] = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Fit the cost model to this machine, in about a minute on which nothing else should run."""
    from adaptc.command.costmodel_models import calibrate_model

    run_subcommand(lambda out: calibrate_model(out, base, output), as_json=as_json, show_traceback=show_traceback)


@costmodel.command("predict")
def predict_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.mlir", help='A program as MLIR text; "-" reads stdin.')],
    model: ModelFile = None,
    extent: Annotated[int, typer.Option(min=0, help="What an extent counts as that the text leaves open.")] = 1,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Tell what each block of a program takes as a unit of its own."""
    from adaptc.command.costmodel_models import predict_file

    run_subcommand(lambda out: predict_file(out, file, model, extent), as_json=as_json, show_traceback=show_traceback)


@costmodel.command("show")
def show_command(model: ModelFile = None, as_json: Json = False, show_traceback: ShowTraceback = False) -> None:
    """Tell which model prices plans here, and what it was made of."""
    from adaptc.command.costmodel_models import show_model

    run_subcommand(lambda out: show_model(out, model), as_json=as_json, show_traceback=show_traceback)


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple(name for name in (text or "").split(",") if name)


def show_families(output: Output) -> int:
    """List the families."""
    with needs_compiler(), needs_costmodel():
        from adaptc.costmodel.data.space import FAMILIES
    rows = table("family", "|draws")
    for family in FAMILIES.values():
        rows.add_row(family.name, family.about)
    output.print(rows)
    output.answer({"ok": True, "families": {family.name: family.about for family in FAMILIES.values()}})
    return OK


def collect_table(output: Output, request: CollectRequest) -> int:
    """Collect a table, and tell what is in it and what was left out."""
    with needs_compiler(), needs_costmodel():
        from adaptc.compiler.costmodel_units import UnitBuilder
        from adaptc.costmodel.data.collect import CollectOptions, collect
        from adaptc.costmodel.data.timing import TimingSettings

        options = CollectOptions(
            request.families,
            request.count,
            request.seed,
            request.networks,
            TimingSettings(request.passes, request.seconds, more=request.more),
            request.chunk,
            {"local": ""}.get(request.ray or "", request.ray),
        )
        try:
            with StageBars(output.errors) as bars:
                collected = collect(request.output, options, UnitBuilder(), bars)
        except KeyboardInterrupt:
            output.errors.print("what is measured is kept: the same command goes on from there")
            raise
    left_out = sum(sum(reasons.values()) for reasons in collected.dropped.values())
    about = [
        ("table", f"{collected.table} ({size(collected.table.stat().st_size)})"),
        ("rows", f"{count(collected.rows, 'unit')}; {collected.same} more were equal to one of these"),
        ("left out", count(left_out, "sample")),
    ]
    output.print(*facts(about, output.console.width))
    if left_out:
        rows = table("family", ">left out", "|why")
        for family, reasons in collected.dropped.items():
            for reason, times in reasons.items():
                rows.add_row(family, str(times), reason)
        output.print("", rows)
    output.answer(
        {
            "ok": True,
            "table": str(collected.table),
            "rows": collected.rows,
            "same": collected.same,
            "left_out": collected.dropped,
        }
    )
    return OK
