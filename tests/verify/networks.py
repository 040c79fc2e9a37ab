"""Dynamic networks as a user writes them. The programs beside them name lines by the marks at their ends."""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

FILE = __file__


@cache
def at(mark: str) -> str:
    """The "file:line" of the line that ends in "# <mark>"."""
    lines = Path(FILE).read_text().splitlines()
    return f"{FILE}:{next(i + 1 for i, line in enumerate(lines) if line.endswith(f'# {mark}'))}"


class EarlyExit(nn.Module):
    """Leaves where the head is confident."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head, self.tail = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> dict[str, Tensor | int]:
        h = torch.tanh(self.stem(x))
        logits = self.head(h)
        if logits.softmax(-1).max() > 0.5:  # confident
            return {"logits": logits, "exit": 0}
        return {"logits": self.tail(h) * 2, "exit": 1}


class Scored(nn.Module):
    """A Python number read from the data is tested twice and goes into the arithmetic."""

    def forward(self, x: Tensor) -> tuple[Tensor, float]:
        score = x.mean().item()  # score
        if score > 0.25:  # high
            x = x * score
        elif score > -0.25:  # middle
            x = x - 1
        else:
            x = x * 3
        return x, score * 2


class Patience(nn.Module):
    """Leaves when two heads in a row agree with the one before."""

    def __init__(self, layers: int = 4) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(4, 3) for _ in range(layers))

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        count, previous = 0, -1
        logits = x
        for head in self.heads:
            x = torch.sin(x * 2)
            logits = head(x)
            label = logits.argmax().item()  # label
            count = count + 1 if label == previous else 0  # agree
            previous = label
            if count >= 2:  # enough
                break
        return logits, count


class Rejected(Exception):
    """What `Rejects` raises."""


class Rejects(nn.Module):
    """Refuses inputs whose mean is negative; counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.seen: list[float] = []
        self.register_buffer("total", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(1.0)
        self.total += x.sum()
        if x.mean() < 0:  # negative
            raise Rejected("the mean is negative")
        return x * 2 + self.calls


class InPlace(nn.Module):
    """Changes a row of its input's copy under a branch."""

    def forward(self, x: Tensor) -> Tensor:
        y = x.clone()
        if x.sum() > 0:  # positive
            y[:, 0] += 1
        return y * 2


class Rows(nn.Module):
    """Works for any number of rows."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:  # any rows
            return x.reshape(-1) * 2
        return x.flip(0).reshape(-1)


class Experts(nn.Module):
    """An index read from the data picks a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.router = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        choice = int(self.router(x).argmax())  # choice
        out: Tensor = self.layers[choice](x)
        return out


Boxes = namedtuple("Boxes", ["boxes", "count"])


class Detector(nn.Module):
    """Keeps some rows; how many is known only at run time."""

    def forward(self, x: Tensor) -> Boxes:
        kept = x[x[:, 0] > 0]
        if kept.shape[0] == 0:  # none kept
            return Boxes(x[:1] * 0, 0)
        return Boxes(kept, kept.shape[0])


class NarrowThreshold(nn.Module):
    """Compares a Python number with a float32 of NumPy's."""

    def forward(self, x: Tensor) -> Tensor:
        if x.mean().item() > np.float32(0.2):
            return x * 2
        return x * 3


class SkipsLate(nn.Module):
    """Tests a sum that is a constant in the first round, and ends no earlier than in the second."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, int]:
        c = torch.zeros(())
        last = 0
        for i in range(4):
            last = i
            skip = c > 0.2
            if skip and i >= 1:  # skip
                break
            x = torch.tanh(self.layer(x))
            c = c + x.abs().mean() * 0.2
        return x, last


class Halts(nn.Module):
    """Adaptive computation: whether the first round is done is no question of the data."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.gate = nn.Linear(4, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        halting = torch.zeros_like(x[:, 0])
        n = torch.zeros(x.shape[0])
        while ((halting < 0.9) & (n < 4)).any():  # halts
            x = torch.tanh(self.layer(x))
            halting[:] += torch.sigmoid(self.gate(x)).squeeze(-1) * 0.5
            n = n + 1
        return x, n


class ConstantBeside(nn.Module):
    """A constant is tested on the line of a test of data."""

    def forward(self, x: Tensor) -> Tensor:
        c = torch.zeros(2)
        if (c.sum() > 1) or (x.sum() > 1):
            return x * 2
        return x * 3


class Sifts(nn.Module):
    """Where few numbers are positive, adds seven."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seven", torch.tensor(7.0))

    def forward(self, x: Tensor) -> Tensor:
        kept = (x > 0).nonzero()
        if kept.shape[0] > 3:
            return x * 2
        return x + self.seven


class SiftsInVain(nn.Module):
    """Asks for numbers that are positive and negative."""

    def forward(self, x: Tensor) -> Tensor:
        kept = ((x > 0) & (x < 0)).nonzero()
        if kept.shape[0] > 3:
            return x * 2
        return x * 3


class TiesItsTest(nn.Module):
    """The number that is tested has gone into tensor code before."""

    def forward(self, x: Tensor) -> Tensor:
        score = x.mean().item()
        y = x * score
        if score > 0.0:
            return y * 2
        return y


class ChoosesAConstant(nn.Module):
    """Tests elements of a constant table that data chooses, in two ways."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.tensor([-1.0, 2.0, -3.0, 4.0]))

    def forward(self, x: Tensor) -> Tensor:
        place = x.argmax()
        if self.table[place] > 0:
            x = x * 2
        if self.table[int(x.argmin())] > 0:
            x = x + 1
        return x
