"""Networks that leave early: each exit is a `torch.cond` between its logits and the rest of the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


def leave(test: Tensor, logits: Tensor, rest: Callable[..., Tensor], operands: Sequence[Tensor]) -> Tensor:
    """`logits` where the one element of `test` is true, else `rest(*operands)`."""

    def yes(logits: Tensor, *operands: Tensor) -> Tensor:
        return logits.clone()

    def no(logits: Tensor, *operands: Tensor) -> Tensor:
        return rest(*operands)

    result: Tensor = torch.cond(test.reshape(()), yes, no, (logits, *operands))
    return result


class _Wrapper(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network


class EarlyExitCNN(_Wrapper):
    """examples/early_exit_cnn; without the exit's number."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.stage(0, x),)

    def stage(self, index: int, x: Tensor) -> Tensor:
        network = self.network
        x = network.stages[index](x)
        logits: Tensor = network.exits[index](x)
        if index == len(network.stages) - 1:
            return logits
        test = logits.softmax(dim=-1).max() > network.thresholds[index]
        return leave(test, logits, lambda x: self.stage(index + 1, x), (x,))


class ShallowDeep(_Wrapper):
    """examples/shallow_deep.py; without the exit's number. The logits of the exits that were passed are one tensor."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        return (self.layer(0, 0, self.network.first(x), None),)

    def layer(self, index: int, passed: int, x: Tensor, every: Tensor | None) -> Tensor:
        network = self.network
        if index < len(network.layers):
            x, logits = network.layers[index](x)
            if logits is None:
                return self.layer(index + 1, passed, x, every)
            test = logits.softmax(dim=-1).max() > network.thresholds[passed]
            every = logits.clone() if every is None else torch.cat([every, logits])
            return leave(test, logits, lambda *given: self.layer(index + 1, passed + 1, *given), (x, every))
        assert every is not None
        every = torch.cat([every, network.last(x)])
        best = every.softmax(dim=-1).amax(dim=1).argmax()
        return every.index_select(0, best.reshape(1))


class ExceptionExit(_Wrapper):
    """examples/exception_exit; without the number of layers."""

    def forward(self, image: Tensor) -> tuple[Tensor]:
        network = self.network
        patches = network.embed(image).flatten(2).transpose(1, 2)
        hidden = torch.cat([network.token.expand(len(patches), -1, -1), patches], dim=1) + network.position
        return (self.layer(0, hidden),)

    def layer(self, index: int, hidden: Tensor) -> Tensor:
        network, encoder = self.network, self.network.encoder
        hidden = encoder.layers[index](hidden)
        if index == len(encoder.highways):
            result: Tensor = network.classifier(network.norm(hidden[:, 0]))
            return result
        logits = encoder.highways[index].classifier(hidden[:, 0])
        exponentials = torch.exp(logits)
        total = exponentials.sum(dim=1)
        entropy = torch.log(total) - (logits * exponentials).sum(dim=1) / total
        test = entropy < encoder.early_exit_entropy[index]
        return leave(test, logits, lambda hidden: self.layer(index + 1, hidden), (hidden,))


class PatienceTransformer(_Wrapper):
    """examples/patience_transformer; without the number of layers."""

    def forward(self, images: Tensor) -> tuple[Tensor]:
        network = self.network
        hidden = network.embed(images.squeeze(1)) + network.position
        return (self.layer(0, hidden, None, torch.zeros((), dtype=torch.int64)),)

    def layer(self, index: int, hidden: Tensor, before: Tensor | None, counter: Tensor) -> Tensor:
        network = self.network
        hidden = network.layers[index](hidden)
        logits: Tensor = network.classifiers[index](hidden.mean(dim=1))
        if index == len(network.layers) - 1:
            return logits
        labels = logits.argmax(dim=-1)
        if before is None:
            return self.layer(index + 1, hidden, labels, counter)
        counter = torch.where((labels == before).all(), counter + 1, 0)
        operands = (hidden, labels, counter)
        return leave(counter == network.patience, logits, lambda *given: self.layer(index + 1, *given), operands)


class EarlyExitBert(_Wrapper):
    """examples/bert_early_exit.py; without the logits of the layers before the exit."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor]:
        mask = (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        return (self.layer(0, self.network.embeddings(input_ids), mask),)

    def layer(self, index: int, hidden: Tensor, mask: Tensor) -> Tensor:
        network = self.network
        outputs = network.layers[index](hidden, mask)
        hidden = outputs[0] if isinstance(outputs, tuple) else outputs
        logits: Tensor = network.classifiers[index](network.poolers[index](hidden))
        if index == len(network.thresholds):
            return logits
        entropy = -(logits.softmax(dim=-1) * logits.log_softmax(dim=-1)).sum()
        test = entropy < network.thresholds[index]
        return leave(test, logits, lambda *given: self.layer(index + 1, *given), (hidden, mask))
