"""``adaptc costmodel``: what belongs to the learned cost model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Optional

import typer

from adaptc.command.output import OK, Output, run_subcommand
from adaptc.command.progress import StageBars
from adaptc.command.text import count, facts, size, table
from adaptc.extras import needs_compiler, needs_costmodel

costmodel = typer.Typer(
    name="costmodel",
    help="The learned cost model: collect its training data.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@dataclass(frozen=True)
class CollectRequest:
    """The command line of ``adaptc costmodel collect``."""

    output: Path
    families: tuple[str, ...]
    count: int
    seed: int
    networks: tuple[str, ...]
    passes: int
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
    seconds: Annotated[float, typer.Option(min=0.0, help="How long calls of one unit are timed in one pass.")] = 0.004,
    chunk: Annotated[int, typer.Option(min=1, help="Samples that are built, timed and kept together.")] = 60,
    ray: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--ray", metavar="ADDRESS", help='Measure on the machines of a Ray cluster; "local" starts one.'),
    ] = None,
    list_families: Annotated[bool, typer.Option("--list", help="List the families.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")] = False,
    show_traceback: Annotated[bool, typer.Option("--traceback", help="Show the full traceback of an error.")] = False,
) -> None:
    """Time small networks of many families on this machine, into one table.

    Parts that are done are kept: the same command goes on where it was ended.
    """
    if list_families:
        run_subcommand(show_families, as_json=as_json, show_traceback=show_traceback)
    names = tuple(name for name in (families or "").split(",") if name)
    request = CollectRequest(output, names, number, seed, tuple(network or ()), passes, seconds, chunk, ray)
    run_subcommand(lambda out: collect_table(out, request), as_json=as_json, show_traceback=show_traceback)


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
            TimingSettings(request.passes, request.seconds),
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
