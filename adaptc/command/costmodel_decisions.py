"""``adaptc costmodel decisions``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from adaptc.command.output import OK, Output
from adaptc.command.progress import StageBars
from adaptc.command.text import count, table
from adaptc.extras import needs_compiler, needs_costmodel


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
        from adaptc.costmodel.decisions.regret import compare
        from adaptc.costmodel.decisions.table import read_questions
        from adaptc.costmodel.shipped import choose, shipped_decisions

    file = request.source or shipped_decisions()
    left_out: dict[str, dict[str, int]] = {}
    if request.collect is not None:
        left_out = _collect(output, file, request.collect, request)
    questions, _ = read_questions(file)
    asked = [question for question in questions if not request.kinds or question.kind in request.kinds]
    comparisons = compare(asked, choose(request.model).model)
    output.print(
        f"{count(len(asked), 'decision')} in {file.name}: by how much what is chosen is slower than the fastest way",
        "(of the rules that always take one way, the best)",
        "",
    )
    rows = table("kind", ">decisions", "|chooser", ">mean", ">worst", ">fastest", ">abstains")
    for each in comparisons:
        best = (each.rule.chooser, each.rule)
        for name, regret in [(other.chooser, other) for other in each.choosers[:2]] + [best]:
            first = regret is each.choosers[0]
            rows.add_row(
                *(each.kind if first else "", str(each.questions) if first else "", name),
                *(f"{regret.mean:.1%}", f"{regret.worst:.0%}", f"{regret.right:.0%}", f"{regret.abstained:.0%}"),
            )
    output.print(rows)
    closed = [each.kind for each in comparisons if not each.is_open]
    if closed:
        output.print("", f"One rule is nearly always right (below 5 %) about: {', '.join(closed)}")
    for kind, reasons in left_out.items():
        for reason, times in reasons.items():
            output.print(f"left out of {kind}: {times} times, {reason}")
    output.answer(
        {
            "ok": True,
            "table": str(file),
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
