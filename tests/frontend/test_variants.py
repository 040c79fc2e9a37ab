"""Loops that are captured once for each value of a number that some iterations change: beam search that drops beams."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from .checking import check
from .test_loops import rand

WORDS, END = 12, 3


class BeamSearch(nn.Module):
    """Hypotheses that end leave the beam, whose size shapes all tensors."""

    def __init__(self, beams: int, steps: int) -> None:
        super().__init__()
        self.beams, self.steps = beams, steps
        self.embedding = nn.Embedding(WORDS, 8)
        self.cell = nn.LSTMCell(8, 8)
        self.out = nn.Linear(8, WORDS)
        with torch.no_grad():
            self.out.weight.mul_(4)

    def forward(self, x):
        k = self.beams
        h = x.expand(k, 8)
        c = h * 0.5
        words = torch.zeros(k, dtype=torch.long)
        seqs = torch.zeros(k, 1, dtype=torch.long)
        best = torch.zeros(k, 1)
        complete, complete_scores = [], []
        step = 1
        while True:
            h, c = self.cell(self.embedding(words), (h, c))
            scores = F.log_softmax(self.out(h), 1)
            scores = best.expand_as(scores) + scores
            if step == 1:
                top, flat = scores[0].topk(k, 0, True, True)
            else:
                top, flat = scores.view(-1).topk(k, 0, True, True)
            before, following = flat // WORDS, flat % WORDS
            seqs = torch.cat([seqs[before], following.unsqueeze(1)], dim=1)
            going = [place for place, word in enumerate(following) if word != END]
            ended = list(set(range(len(following))) - set(going))
            if len(ended) > 0:
                complete.extend(seqs[ended].tolist())
                complete_scores.extend(top[ended])
            k -= len(ended)
            if k == 0:
                break
            seqs = seqs[going]
            h, c = h[before[going]], c[before[going]]
            best = top[going].unsqueeze(1)
            words = following[going]
            if step > self.steps:
                break
            step += 1
        return complete[complete_scores.index(max(complete_scores))]


def test_a_beam_that_shrinks():
    torch.manual_seed(11)
    model = BeamSearch(2, 10)
    inputs = rand(20, 8) * 3
    calls = [(inputs[seed : seed + 1],) for seed in range(20)]
    program = check(model, calls)
    assert len({len(model(*call)) for call in calls if _ends(model, call)}) > 3
    assert any("2 loops of the compiled network" in treated for treated in program.loops.values())
    model.steps = 1000
    assert len(check(model, calls).blocks) == len(program.blocks)


class SetByData(nn.Module):
    """A state that is None until some iteration sets it, and counters that only some iterations change."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.cell = nn.GRUCell(4, 4)

    def forward(self, x):
        hidden, kept, accepted, rejected = None, [], 0, 0
        while accepted + rejected < 40 and x.norm() > 0.5:
            row = x[(accepted + rejected) % 6]
            new = row if hidden is None else self.cell(row[None], hidden[None])[0]
            if new.sum() > 0.2:
                hidden = new
                kept.append(new.max())
                accepted += 1
            else:
                rejected += 1
            x = x * 0.9
        return (x if hidden is None else hidden), kept, accepted, rejected


class Modes(nn.Module):
    """A machine of states with names."""

    def forward(self, x):
        mode, count, level = "scan", 0, x.sum() * 0
        while count < 40:
            value = x[count % 6].sum() + level
            if mode == "scan":
                level = level + 0.1
                if value > 0.5:
                    mode = "fill"
            elif mode == "fill":
                level = level * 0.9 - 0.05
                if value < -0.5:
                    mode = "done"
                elif value < 0:
                    mode = "scan"
            else:
                break
            count += 1
        return level, count, mode == "done"


@pytest.mark.parametrize("model", [SetByData(), Modes()])
def test_a_loop_for_each_kind_of_state(model):
    program = check(model, [(row,) for row in rand(12, 6, 4)])
    assert len(program.blocks) < 40


class Chosen(nn.Module):
    def forward(self, x):
        rows = []
        for number in range(20):
            if x[number, 0] > x[number, 1]:
                rows.append(x[number])
        return rows


def test_ways_through_a_loop_meet_after_each_iteration():
    program = check(Chosen(), [(row,) for row in rand(6, 20, 2)])
    assert len(program.blocks) < 1000


def _ends(model: nn.Module, call: tuple[torch.Tensor]) -> bool:
    """Whether a hypothesis ends: max() of none raises."""
    try:
        model(*call)
    except ValueError:
        return False
    return True
