"""Networks that skip blocks: each gate is a `torch.cond` between the block and a copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from handwritten.version import Version

Part = Callable[[Tensor], Tensor]


def gate(open_: Tensor, block: Part, other: Part, x: Tensor) -> Tensor:
    """`block(x)` where the one element of `open_` is true, else `other(x)`."""
    result: Tensor = torch.cond(open_.reshape(()), block, other, (x,))
    return result


def same(x: Tensor) -> Tensor:
    """A branch of `torch.cond` must not return its input itself."""
    return x.clone()


class _Wrapper(nn.Module):
    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network


class SkipNet(_Wrapper):
    """examples/skipnet.py."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        network = self.network
        per_stage = len(network.blocks) // 3
        x = torch.relu(network.bn1(network.conv1(x)))
        for index, (gate_of, block) in enumerate(zip(network.gates, network.blocks)):
            if index > 0 and index % per_stage == 0:
                x = network.widen[index // per_stage - 1](x)
            x = gate(gate_of(x) > network.thresholds[index], block, same, x)
        return (network.fc(adaptive_avg_pool2d(x, 1).flatten(1)),)


class SkipGateCNN(_Wrapper):
    """examples/skip_gate_cnn; without the number of blocks that ran."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        network = self.network
        x = torch.relu(network.stem(x))
        for number, (blocks, gates) in enumerate(zip(network.stages, network.gates)):
            if number > 0:
                x = torch.relu(network.widen[number - 1](x))
            for block, gate_of in zip(blocks, gates):
                x = gate(gate_of(x) > network.threshold, block, same, x)
        return (network.classifier(x.mean(dim=(2, 3))),)


class BlockDrop(_Wrapper):
    """examples/blockdrop."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        keep = torch.sigmoid(network.policy(x)) > 0.5
        x = torch.relu(network.stem(x))
        for index, block in enumerate(network.blocks):
            x = gate(keep[0, index], block, same, x) if network.droppable(index) else block(x)
        return network.classifier(x.mean(dim=(2, 3))), keep


class BlockDrop110(_Wrapper):
    """examples/blockdrop_110.py."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        network = self.network
        keep = torch.sigmoid(network.policy(x)) > 0.5
        x = network.resnet.first(x)
        action = 0
        for shortcut, blocks in zip(network.resnet.shortcuts, network.resnet.segments):
            for index, block in enumerate(blocks):
                residual = shortcut(x) if index == 0 else x
                x = _added(keep[0, action], block, residual, x)
                action += 1
        return network.resnet.last(x), keep


def _added(keep: Tensor, block: Part, residual: Tensor, x: Tensor) -> Tensor:
    if residual is x:
        return gate(keep, lambda x: torch.relu(x + block(x)), same, x)
    result: Tensor = torch.cond(keep, lambda x, r: torch.relu(r + block(x)), lambda x, r: r.clone(), (x, residual))
    return result


class FeedForward38(_Wrapper):
    """examples/skipnet_38.py with gates that remember nothing; without the list of blocks that ran."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        network = self.network
        x = network.blocks[0](network.first(x))
        for index, block in enumerate(network.blocks[1:]):
            run = network.gates.gates[index](x) > network.thresholds[index]
            x = gate(run, block, _shortcut(block), x)
        return (network.linear(adaptive_avg_pool2d(x, 1).flatten(1)),)


class Recurrent38(_Wrapper):
    """examples/skipnet_38.py with the gates that share an LSTM; without the list of blocks that ran."""

    def forward(self, x: Tensor) -> tuple[Tensor]:
        network, gates = self.network, self.network.gates
        x = network.blocks[0](network.first(x))
        state: Any = None
        for index, block in enumerate(network.blocks[1:]):
            embedded = gates.embeddings[index](adaptive_avg_pool2d(x, 1))
            output, state = gates.lstm(embedded.view(1, x.size(0), -1), state)
            run = torch.sigmoid(gates.linear(output)) > network.thresholds[index]
            x = gate(run, block, _shortcut(block), x)
        return (network.linear(adaptive_avg_pool2d(x, 1).flatten(1)),)


def _shortcut(block: Any) -> Part:
    shortcut: Part = block.downsample if block.downsample is not None else same
    return shortcut


def first_of(wrapper: type[nn.Module]) -> Callable[[nn.Module], Version]:
    """A version that gives the first of eager's results alone."""
    return lambda network: Version(wrapper(network), lambda found: [found[0]])


def whole(wrapper: type[nn.Module]) -> Callable[[nn.Module], Version]:
    """A version that gives all of eager's results, a tensor or a tuple of tensors."""

    def results(found: Tensor | Sequence[Tensor]) -> list[Tensor]:
        return [found] if isinstance(found, Tensor) else list(found)

    return lambda network: Version(wrapper(network), results)
