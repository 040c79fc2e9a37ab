"""What was measured of a decision: its ways, what each is made of, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adaptc.costmodel.contestants import arithmetic
from adaptc.costmodel.features import NO_FEATURES, Features, features_of_text
from adaptc.costmodel.model import CostModel


@dataclass(frozen=True)
class Part:
    """Code that a call runs `runs` times, on average: its MLIR, and the extents that this leaves open (`graph_of`)."""

    mlir: str
    sizes: Mapping[str, int]
    runs: float

    def features(self, channels: int) -> Features:
        """The code as a cost model sees it. Raises `MlirError`."""
        found = features_of_text(self.mlir, channels, sizes=self.sizes)
        return next(iter(found.values()), NO_FEATURES)


@dataclass(frozen=True)
class Way:
    """One way to compute something.

    Beside its `parts`, a call has `calls` of units by the host, `values` that these take and give, `branches`,
    `iterations` and operators on `numbers` within graphs, and copies of `copied` bytes, all on average. `time_us` is
    what a call takes, on average over the inputs, and `noise_us` up to what of the difference to the first way may be
    noise.
    """

    name: str
    parts: tuple[Part, ...]
    calls: float
    values: float
    branches: float
    iterations: float
    copied: float
    numbers: float
    time_us: float
    noise_us: float


@dataclass(frozen=True)
class Question:
    """A decision of a kind. `ways` are two or more, the first the one that is taken where nobody asks."""

    kind: str
    id: str
    ways: tuple[Way, ...]

    @property
    def best_us(self) -> float:
        """What the fastest way takes."""
        return min(way.time_us for way in self.ways)

    def regret(self, place: int) -> float:
        """By how much the way at this place is slower than the fastest, relative to it."""
        return self.ways[place].time_us / self.best_us - 1


def price(way: Way, model: CostModel) -> float:
    """The µs that `model` expects of a call, as the plan counts them (`adaptc.compiler.plan.bill`).

    Raises `MlirError`.
    """
    control = model.control
    total = way.calls * control.call + way.values * control.value
    total += way.branches * control.branch + way.iterations * control.iteration
    total += way.copied * control.byte + way.numbers * model.number
    return total + sum(part.runs * model.predict(part.features(model.channels)).kernels_us for part in way.parts)


def multiplications(way: Way, channels: int) -> float:
    """The multiplications and elements computed in a call, as `contestants.flops_only` counts them."""
    return sum(part.runs * arithmetic(part.features(channels)) for part in way.parts)
