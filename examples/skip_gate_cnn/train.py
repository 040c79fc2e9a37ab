"""Train the skip-gate CNN: python examples/skip_gate_cnn/train.py"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from skip_gate_cnn import SkipGateCNN
from torch import Tensor
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1]))
from training import fit, prepare

RUN = 0.6
"""The share of the images for which a block should run."""


def main() -> None:
    data = prepare(seed=0)
    network = SkipGateCNN()

    def loss(images: Tensor, labels: Tensor, progress: float) -> Tensor:
        logits, gates = network.soft(images, noise=1.0 - progress)
        rate = (gates.mean(dim=0) - RUN).square().sum()
        return cross_entropy(logits, labels, label_smoothing=0.05) + rate

    fit(network, loss, data, epochs=100)
    torch.save(network.state_dict(), Path(__file__).with_name("weights.pt"))

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    with torch.no_grad():
        outputs = [network(image[None]) for image in images]
        _, gates = network.soft(images, noise=0.0)
    right = sum(logits.argmax().item() == label for (logits, _), label in zip(outputs, labels))
    print(f"accuracy {right / len(labels):.1%}")
    print("share of the images that run each block:", [f"{rate:.0%}" for rate in gates.mean(dim=0)])
    print("images by number of blocks run:", torch.bincount(torch.tensor([n for _, n in outputs])).tolist())


if __name__ == "__main__":
    main()
