"""An image captioner: a small CNN, and an LSTM that writes words until it writes the end; random weights.

The loop takes as many steps as the words need, `limit` at most. It is compiled once for any number of steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

START, END = 0, 1


class Captioner(nn.Module):
    def __init__(self, words: int = 200, width: int = 64) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(128, width),
        )
        self.embedding = nn.Embedding(words, width)
        self.cell = nn.LSTMCell(width, width)
        self.head = nn.Linear(width, words)

    def forward(self, image: Tensor, limit: Tensor) -> tuple[list[int], list[Tensor]]:
        """The words for an image [1, 3, height, width], at most `limit`, and the confidence [1] in each."""
        hidden = self.encoder(image).tanh()
        state = hidden, torch.zeros_like(hidden)
        word = torch.full((1,), START)
        words, confidences = [], []
        for _ in range(int(limit)):
            state = self.cell(self.embedding(word), state)
            confidence, word = self.head(state[0]).softmax(-1).max(-1)
            if word == END:
                break
            words.append(word.item())
            confidences.append(confidence)
        return words, confidences


@torch.no_grad()
def captioner(seed: int = 0) -> Captioner:
    """In eval mode with random weights, and a bias for the end under which captions differ in length."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Captioner().eval()
        network.encoder[-1].weight *= 100
        for parameter in network.cell.parameters():
            parameter *= 6
        images = [torch.randn(1, 3, 32, 32) * 3 for _ in range(16)]
        for step in range(60):
            network.head.bias[END] = step / 20
            lengths = sorted(len(network(image, torch.tensor(40))[0]) for image in images)
            if lengths[len(lengths) // 2] < 16:
                break
    return network


model = captioner()
example_inputs = {
    "image": torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 3,
    "limit": torch.tensor(20),
}
