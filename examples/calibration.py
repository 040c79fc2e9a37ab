"""What the examples with random weights share: images that differ, and thresholds under which every path is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random numbers from `seed` and no gradients inside; outside, the generator goes on as if nothing happened."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


def images(count: int, size: int, channels: int = 3, seed: int = 0) -> list[Tensor]:
    """`count` images float32 [1, channels, size, size], smooth as photographs are, no two of one contrast."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 4, 4, generator=generator)
    fine = torch.randn(count, channels, size, size, generator=generator)
    contrast = torch.linspace(0.5, 2, count)[:, None, None, None]
    smooth = nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    return [image[None] for image in (smooth + 0.2 * fine) * contrast]


def set_statistics(network: nn.Module, run: Callable[[], object]) -> None:
    """Give every BatchNorm the statistics of what it sees while `run` calls parts of the network."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    run()
    for norm in norms:
        norm.eval()


def split(values: Sequence[float], above: int) -> float:
    """A threshold that `above` of the values exceed, midway between its neighbours."""
    ordered = sorted(values, reverse=True)
    return (ordered[above - 1] + ordered[above]) / 2


def exit_thresholds(confidences: Sequence[Sequence[float]]) -> list[float]:
    """A threshold per exit, such that at each exit one input leaves: the most confident of those that remain.

    `confidences` holds a row per exit with a value per input. There must be more inputs than exits.
    """
    remaining = list(range(len(confidences[0])))
    thresholds = []
    for row in confidences:
        thresholds.append(split([row[index] for index in remaining], above=1))
        remaining = [index for index in remaining if row[index] <= thresholds[-1]]
    return thresholds


def calibrate_gates(
    network: Callable[[Tensor], object], gates: Sequence[nn.Module], thresholds: list[float], inputs: Sequence[Tensor]
) -> None:
    """Set `thresholds`, gate by gate in the order in which they run, so that half of the inputs open each.

    A gate returns one value, and opens above its threshold. The same module may stand for several gates.
    """
    for index, gate in enumerate(gates):
        turn = sum(earlier is gate for earlier in gates[:index])
        values = []
        for x in inputs:
            seen: list[float] = []
            hook = gate.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.append(output.item()))
            network(x)
            hook.remove()
            values.append(seen[turn])
        thresholds[index] = split(values, above=len(values) // 2)
