"""``adaptc costmodel decisions``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from adaptc.command.costmodel_evaluate import check_names
from adaptc.command.output import OK, Output
from adaptc.command.progress import StageBars
from adaptc.command.text import count, table
from adaptc.extras import needs_compiler, needs_costmodel
from adaptc.runtime.errors import InputError


@dataclass(frozen=True)
class DecisionsRequest:
    """The command line of ``adaptc costmodel decisions``. `collect` is how many of each kind are measured, None for
    none."""

    source: Path | None
    model: Path | None
    collect: int | None
    seed: int
    kinds: tuple[str, ...]


def show_decisions(output: Output, request: DecisionsRequest) -> int:
    """Tell how good the decisions of a cost model are; measure some before where that is asked for."""
    with needs_costmodel():
        from adaptc.costmodel.decisions.regret import OPEN, compare
        from adaptc.costmodel.decisions.table import read_questions
        from adaptc.costmodel.shipped import choose, shipped_decisions, shipped_model

    if request.collect is not None and request.source is None:
        raise InputError("name the table that decisions are measured into: adaptc costmodel decisions TABLE.parquet")
    file = request.source or shipped_decisions()
    left_out: dict[str, dict[str, int]] = {}
    if request.collect is not None:
        left_out = _collect(output, file, request.collect, request)
    questions, origin = read_questions(file)
    check_names("kind of decisions", request.kinds, list(dict.fromkeys(question.kind for question in questions)))
    asked = [question for question in questions if not request.kinds or question.kind in request.kinds]
    # Decisions that come along are for the model of the machine on which they were measured.
    chosen = choose(request.model or (shipped_model(origin.machine) if request.source is None else None))
    comparisons = compare(asked, chosen.model)
    output.print(
        f"{count(len(asked), 'decision')} of {file.name} by {chosen.file.name}: by how much what is chosen is slower",
        "than the fastest way (of the rules that always take one way, the best)",
    )
    if chosen.model.about.get("machine") != origin.machine:
        output.print("they were measured on another machine than the model was made on, and tell little of it")
    rows = table("kind", ">decisions", "|chooser", ">mean", ">worst", ">fastest", ">abstains")
    for each in comparisons:
        about = (each.kind, str(each.questions))
        for regret in (each.model, each.arithmetic, each.rule):
            figures = (f"{regret.mean:.1%}", f"{regret.worst:.0%}", f"{regret.right:.0%}", f"{regret.abstained:.0%}")
            rows.add_row(*about, regret.chooser, *figures)
            about = ("", "")
    output.print("", rows)
    closed = [each.kind for each in comparisons if not each.is_open]
    if closed:
        output.print("", f"One rule is nearly always right (below {100 * OPEN:.0f} %) about: {', '.join(closed)}")
    for kind, reasons in left_out.items():
        for reason, times in reasons.items():
            output.print(f"left out of {kind}: {times} times, {reason}")
    output.answer(
        {
            "ok": True,
            "table": str(file),
            "model": str(chosen.file),
            "kinds": {each.kind: {**asdict(each), "is_open": each.is_open} for each in comparisons},
            "left_out": left_out,
        }
    )
    return OK


def _collect(output: Output, file: Path, number: int, request: DecisionsRequest) -> dict[str, dict[str, int]]:
    with needs_compiler(), needs_costmodel():
        from adaptc.compiler.costmodel_decisions import QuestionBuilder
        from adaptc.costmodel.decisions.collect import collect_questions

        with StageBars(output.errors) as bars:
            _, left_out = collect_questions(file, request.kinds, number, request.seed, QuestionBuilder(), bars)
    return left_out
