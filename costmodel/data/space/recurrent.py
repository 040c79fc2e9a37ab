"""Recurrent networks: cells and whole sequences."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import Drawn, family


class CellStep(nn.Module):
    """A step of a decoder: embed nothing, run the cell, score the words."""

    def __init__(self, cell: nn.LSTMCell, words: int) -> None:
        super().__init__()
        self.cell = cell
        self.words = nn.Linear(cell.hidden_size, words)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h, c = self.cell(x, (h, c))
        return self.words(h).argmax(dim=1), h, c


class LSTMStep(nn.Module):
    """An LSTM cell alone."""

    def __init__(self, cell: nn.LSTMCell) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        return self.cell(x, (h, c))


class HandLSTM(nn.Module):
    """An LSTM cell written out, as in research code."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gates = nn.Linear(inputs + hidden, 4 * hidden)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        i, f, g, o = self.gates(torch.cat([x, h], dim=1)).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c


class SequenceModel(nn.Module):
    """A recurrent layer over a sequence: all its states, or a class from the last."""

    def __init__(self, layer: nn.Module, head: nn.Module | None) -> None:
        super().__init__()
        self.layer = layer
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        states = self.layer(x)[0]
        return states if self.head is None else F.softmax(self.head(states[:, -1]), dim=-1)


class ConvGRU(nn.Module):
    """A GRU whose products are convolutions, as in RAFT."""

    def __init__(self, hidden: int, inputs: int) -> None:
        super().__init__()
        self.convz = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convr = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)
        self.convq = nn.Conv2d(hidden + inputs, hidden, 3, padding=1)

    def forward(self, h: Tensor, x: Tensor) -> Tensor:
        hx = torch.cat([h, x], dim=1)
        z = torch.sigmoid(self.convz(hx))
        r = torch.sigmoid(self.convr(hx))
        q = torch.tanh(self.convq(torch.cat([r * h, x], dim=1)))
        return (1 - z) * h + z * q


@family("recurrent", "LSTM and GRU: cells, sequences, steps of decoders")
def recurrent(draw: Draw) -> Drawn:
    inputs, hidden = draw.width(4, 512), draw.width(4, 512)
    batch = draw.batch()
    state = torch.randn(batch, hidden)
    match draw.pick("lstm", "lstm", "gru", "rnn", "lstm-cell", "gru-cell", "hand", "step", "conv"):
        case "lstm-cell":
            return LSTMStep(nn.LSTMCell(inputs, hidden)), (torch.randn(batch, inputs), state, state)
        case "gru-cell":
            return nn.GRUCell(inputs, hidden), (torch.randn(batch, inputs), state)
        case "hand":
            return HandLSTM(inputs, hidden), (torch.randn(batch, inputs), state, state)
        case "step":
            return CellStep(nn.LSTMCell(inputs, hidden), draw.log(10, 4000)), (torch.randn(batch, inputs), state, state)
        case "conv":
            inputs, hidden = min(inputs, 64), min(hidden, 64)
            side = draw.side(27.0 * (inputs + hidden) * hidden, 4, 48)
            return ConvGRU(hidden, inputs), (torch.randn(1, hidden, side, side), torch.randn(1, inputs, side, side))
        case kind:
            depth = draw.pick(1, 1, 2)
            both = draw.chance(0.25)
            made = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}[kind]
            layer = made(inputs, hidden, depth, batch_first=True, bidirectional=both)
            cost = 4.0 * hidden * (inputs + hidden) * depth * (1 + both)
            head = nn.Linear(hidden * (1 + both), draw.log(2, 100)) if draw.chance(0.4) else None
            return SequenceModel(layer, head), (torch.randn(batch, draw.within(cost, 1, 100), inputs),)
