"""Trains a network over tokens to tell the logarithm of a unit's time."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adaptc.costmodel.errors import CostModelError
from adaptc.costmodel.models.kernel_sum import Array
from adaptc.costmodel.text.networks import ConvolutionOverTokens, TransformerOverTokens
from adaptc.costmodel.text.tokens import Detail, Vocabulary, tokens, vocabulary

NETWORKS: dict[str, Callable[[int], nn.Module]] = {
    "conv1d": ConvolutionOverTokens,
    "transformer": TransformerOverTokens,
}


@dataclass(frozen=True)
class TextSettings:
    """`epochs` at most, ended after `patience` without a better mean error on the validation families; of a text, the
    first `most` tokens are read."""

    network: str = "conv1d"
    detail: Detail = "operands"
    epochs: int = 60
    patience: int = 8
    batch: int = 32
    rate: float = 1e-3
    most: int = 512


class TextModel:
    """A trained network with its vocabulary."""

    def __init__(self, network: nn.Module, known: Vocabulary, settings: TextSettings, center: float) -> None:
        self._network = network
        self._known = known
        self._settings = settings
        self._center = center

    def times(self, texts: Sequence[str]) -> Array:
        """The µs of the units with these texts."""
        encoded = [self._known.encode(tokens(text, self._settings.detail), self._settings.most) for text in texts]
        return self.times_of_tokens(encoded)

    def times_of_tokens(self, encoded: Sequence[Sequence[int]]) -> Array:
        """The µs of the units with these tokens, as numbers."""
        self._network.eval()
        parts = []
        with torch.inference_mode():
            for begin in range(0, len(encoded), 64):
                parts.append(self._network(_padded(encoded[begin : begin + 64])))
        logs: Array = torch.cat(parts).double().numpy()
        return np.exp(logs + self._center)


def train(
    texts: Sequence[str], times: Array, families: Sequence[str], settings: TextSettings, seed: int = 0
) -> TextModel:
    """A model of the units with these `texts`, which took `times` µs.

    A tenth of the families, chosen by `seed`, is kept for validation and tells when to stop. Raises `CostModelError`
    where there are fewer than two families.
    """
    names = sorted(set(families))
    if len(names) < 2:
        raise CostModelError("a model of text needs rows of two families at least: one tells when to stop")
    generator = np.random.default_rng(seed)
    kept = set(generator.permutation(names)[: max(1, len(names) // 10)].tolist())
    cut = [tokens(text, settings.detail) for text in texts]
    inside = [place for place, family in enumerate(families) if family not in kept]
    outside = [place for place, family in enumerate(families) if family in kept]
    known = vocabulary([cut[place] for place in inside])
    encoded = [known.encode(each, settings.most) or [0] for each in cut]
    logs = np.log(times)
    center = float(logs[inside].mean())
    targets = torch.from_numpy(logs - center).float()
    torch.manual_seed(seed)
    network = NETWORKS[settings.network](known.size)
    model = TextModel(network, known, settings, center)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings.epochs)
    best, best_state, waited = math.inf, copy.deepcopy(network.state_dict()), 0
    for _ in range(settings.epochs):
        network.train()
        for batch in _batches(inside, encoded, settings.batch, generator):
            optimizer.zero_grad()
            predicted = network(_padded([encoded[place] for place in batch]))
            loss: Tensor = nn.functional.smooth_l1_loss(predicted, targets[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        schedule.step()
        found = np.log(model.times_of_tokens([encoded[place] for place in outside]))
        error = float(np.abs(found - logs[outside]).mean())
        waited += 1
        if error < best:
            best, best_state, waited = error, copy.deepcopy(network.state_dict()), 0
        if waited >= settings.patience:
            break
    network.load_state_dict(best_state)
    return model


def _batches(
    places: Sequence[int], encoded: Sequence[Sequence[int]], size: int, generator: np.random.Generator
) -> list[list[int]]:
    """Batches of texts of about the same length, in any order."""
    shuffled = generator.permutation(np.array(places))
    lengths = np.array([len(encoded[place]) for place in shuffled]) + generator.normal(0, 8, len(shuffled))
    ordered = shuffled[np.argsort(lengths)].tolist()
    batches = [ordered[begin : begin + size] for begin in range(0, len(ordered), size)]
    return [batches[place] for place in generator.permutation(len(batches))]


def _padded(encoded: Sequence[Sequence[int]]) -> Tensor:
    longest = max(1, max(len(each) for each in encoded))
    return torch.tensor([[*each, *[0] * (longest - len(each))] for each in encoded])
