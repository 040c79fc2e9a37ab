"""Image captioners with attention (Show, Attend and Tell, Xu et al., ICML 2015): a ResNet and an LSTM; random weights.

The sizes are those of DyCL's two captioners (Chen et al., ISSTA 2023): ResNeXt-50 up to its third stage with the 2633
words of Flickr8k, and ResNet-101 with the 11569 words of COCO; images float32 [1, 3, 256, 256], 10 words at most.
The loop over words is compiled once, for any number of them.

    adaptc compile examples/attention_captioner.py --name resnet101
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from calibration import images, seeded, set_statistics
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1, 3x3 in groups, 1x1, each with BatchNorm, and a shortcut."""

    def __init__(self, inputs: int, inner: int, outputs: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        nn.init.constant_(self.bn3.weight, 0.2)  # with random weights, a deep network then stays well conditioned
        self.downsample = nn.Sequential()
        if stride != 1 or inputs != outputs:
            conv = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def encoder(blocks: Sequence[int], groups: int = 1, inner: int = 64, width: int = 1) -> nn.Sequential:
    """The stages of a ResNet, `inner` channels wide in the first; pixels [N, 256 * 2 ** (stages - 1), size, size]."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64 // width, 7, stride=2, padding=3, bias=False)]
    layers += [nn.BatchNorm2d(64 // width), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)]
    inputs = 64 // width
    for stage, count in enumerate(blocks):
        outputs = 256 * 2**stage // width
        for index in range(count):
            stride = 2 if index == 0 and stage > 0 else 1
            layers.append(Bottleneck(inputs, inner * 2**stage // width, outputs, stride, groups))
            inputs = outputs
    return nn.Sequential(*layers, nn.AvgPool2d(4))


class Attention(nn.Module):
    """A weight for each pixel from its features and the decoder's state, and the weighted sum of the pixels."""

    def __init__(self, pixels: int, hidden: int, width: int) -> None:
        super().__init__()
        self.of_pixels, self.of_hidden = nn.Linear(pixels, width), nn.Linear(hidden, width)
        self.score = nn.Linear(width, 1)

    def forward(self, pixels: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        mixed = torch.relu(self.of_pixels(pixels) + self.of_hidden(hidden).unsqueeze(1))
        alpha = self.score(mixed).squeeze(2).softmax(dim=1)
        return (pixels * alpha.unsqueeze(2)).sum(dim=1), alpha


class Decoder(nn.Module):
    """An LSTM that sees the last word and what its attention picks from the image."""

    def __init__(self, pixels: int, words: int, width: int) -> None:
        super().__init__()
        self.attention = Attention(pixels, width, width)
        self.embedding = nn.Embedding(words, width)
        self.step = nn.LSTMCell(width + pixels, width)
        self.init_hidden, self.init_memory = nn.Linear(pixels, width), nn.Linear(pixels, width)
        self.gate = nn.Linear(width, pixels)
        self.score = nn.Linear(width, words)

    def start(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        mean = pixels.mean(dim=1)
        return self.init_hidden(mean), self.init_memory(mean)

    def forward(
        self, word: Tensor, pixels: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
        seen, alpha = self.attention(pixels, state[0])
        seen = torch.sigmoid(self.gate(state[0])) * seen
        state = self.step(torch.cat([self.embedding(word), seen], dim=1), state)
        return self.score(state[0]), state, alpha


class Captioner(nn.Module):
    """The last two words stand for the start and the end of a caption."""

    def __init__(self, stages: nn.Sequential, pixels: int, words: int, width: int = 512, most: int = 10) -> None:
        super().__init__()
        self.encoder, self.decoder = stages, Decoder(pixels, words, width)
        self.start, self.end, self.most = words - 2, words - 1, most

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The words int64 [1, 1 + n] for an image [1, 3, size, size], start and end included, and n attentions."""
        return self.describe(self.encoder(image).flatten(2).transpose(1, 2))

    def describe(self, pixels: Tensor) -> tuple[Tensor, list[Tensor]]:
        word = torch.full((1,), self.start)
        words = word[:, None]
        state = self.decoder.start(pixels)
        attentions = []
        for _ in range(self.most):
            scores, state, alpha = self.decoder(word, pixels, state)
            word = scores.argmax(dim=1)
            words = torch.cat([words, word[:, None]], dim=1)
            attentions.append(alpha)
            if word == self.end:
                return words, attentions
        return words, attentions


def captioner(
    stages: nn.Sequential, pixels: int, words: int, width: int = 512, size: int = 256, most: int = 10
) -> Captioner:
    """In eval mode, calibrated so that captions of random images differ in length and some end by themselves."""
    network = Captioner(stages, pixels, words, width, most).eval()
    examples = images(6, size)
    set_statistics(network, lambda: network.encoder(torch.cat(examples)))
    encoded = network.encoder(torch.cat(examples)).flatten(2).transpose(1, 2).split(1)
    for parameter in [*network.decoder.step.parameters(), network.decoder.init_hidden.weight]:
        parameter *= 3
    while sorted(network.describe(one)[0].size(1) for one in encoded)[len(encoded) // 2 - 1] > most:
        network.decoder.score.bias[network.end] += 0.02
    return network


def resnext50(seed: int = 0) -> Captioner:
    with seeded(seed):
        return captioner(encoder((3, 4, 6), groups=32, inner=128), pixels=1024, words=2633)


def resnet101(seed: int = 0) -> Captioner:
    with seeded(seed):
        return captioner(encoder((3, 4, 23, 3)), pixels=2048, words=11569)


model = resnext50
example_inputs = (images(1, 256, seed=1)[0],)
