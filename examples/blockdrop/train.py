"""Train the network and its policy together: python examples/blockdrop/train.py"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import torch
from blockdrop import BlockDrop
from torch import Tensor
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1]))
from training import fit, prepare

KEEP = 0.5
"""The share of the images for which a block should be kept."""


def main() -> None:
    data = prepare(seed=0)
    network = BlockDrop()

    def loss(images: Tensor, labels: Tensor, progress: float) -> Tensor:
        logits, keep = network.soft(images, noise=1.0 - progress)
        # Blocks are pulled to the same usage, and away from one policy for all images.
        usage = (keep.mean(dim=0) - KEEP).square().sum()
        sameness = torch.relu(0.2 - keep.var(dim=0)).sum()
        return cross_entropy(logits, labels, label_smoothing=0.05) + usage + sameness

    fit(network, loss, data, epochs=100)
    torch.save(network.state_dict(), Path(__file__).with_name("weights.pt"))

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    with torch.no_grad():
        outputs = [network(image[None]) for image in images]
    right = sum(logits.argmax().item() == label for (logits, _), label in zip(outputs, labels))
    droppable = [index for index in range(len(network.blocks)) if network.droppable(index)]
    policies = torch.cat([keep for _, keep in outputs])[:, droppable]
    print(f"accuracy {right / len(labels):.1%}")
    print("share of the images that keep each block:", [f"{rate:.0%}" for rate in policies.float().mean(dim=0)])
    print("distinct policies:", len(Counter(map(tuple, policies.tolist()))))


if __name__ == "__main__":
    main()
