"""How good decisions are: by how much what was chosen is slower than the fastest way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from adaptc.costmodel.decisions.questions import Question, Way, multiplications, price
from adaptc.costmodel.model import CostModel
from adaptc.costmodel.prediction import KNOWN_TO

Price = Callable[[Way], float]
"""What a way is thought to cost; the least is chosen."""

OPEN = 0.05
"""The mean regret of the best constant rule from which on there is something to decide."""


@dataclass(frozen=True)
class Regret:
    """Of one chooser on questions of one kind: the mean and the worst regret, how often the fastest way was chosen, and
    how often it abstained, which takes the way that is taken where nobody asks."""

    chooser: str
    mean: float
    worst: float
    right: float
    abstained: float


@dataclass(frozen=True)
class Comparison:
    """What choosers do on the questions of a `kind`: the model, the least arithmetic, and the best `rule` that always
    takes the way of one name."""

    kind: str
    questions: int
    model: Regret
    arithmetic: Regret
    rule: Regret

    @property
    def is_open(self) -> bool:
        """Whether even the best rule has a regret worth deciding for."""
        return self.rule.mean >= OPEN


def compare(questions: Sequence[Question], model: CostModel) -> list[Comparison]:
    """`model`, the fewest multiplications and constant rules on `questions`, by kind. Raises `MlirError`."""
    found = []
    for kind in dict.fromkeys(question.kind for question in questions):
        mine = [question for question in questions if question.kind == kind]
        names = tuple(dict.fromkeys(way.name for question in mine for way in question.ways))
        by_model = _by_price("cost model", mine, lambda way: price(way, model))
        by_work = _by_price("least arithmetic", mine, lambda way: multiplications(way, model.channels))
        rule = min((_always(name, mine) for name in names), key=lambda each: each.mean)
        found.append(Comparison(kind, len(mine), by_model, by_work, rule))
    return found


def choice(prices: Sequence[float]) -> tuple[int, bool]:
    """The place of the way that is chosen for these prices, and whether that is an abstention: the first of ways that
    are expected to be alike."""
    least = int(np.argmin(prices))
    if least and prices[0] <= prices[least] * (1 + KNOWN_TO):
        return 0, True
    return least, False


def _by_price(chooser: str, questions: Sequence[Question], price_of: Price) -> Regret:
    chosen = [choice([price_of(way) for way in question.ways]) for question in questions]
    return _regret(chooser, questions, [place for place, _ in chosen], sum(abstained for _, abstained in chosen))


def _always(name: str, questions: Sequence[Question]) -> Regret:
    places = []
    for question in questions:
        names = [way.name for way in question.ways]
        places.append(names.index(name) if name in names else 0)
    return _regret(f"always {name}", questions, places, 0)


def _regret(chooser: str, questions: Sequence[Question], places: Sequence[int], abstained: int) -> Regret:
    regrets = np.array([question.regret(place) for question, place in zip(questions, places, strict=True)])
    right = float((regrets == 0).mean())
    return Regret(chooser, float(regrets.mean()), float(regrets.max()), right, abstained / len(questions))
