"""Train the early-exit CNN and calibrate its thresholds: python examples/early_exit_cnn/train.py"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from early_exit_cnn import EarlyExitCNN
from torch import Tensor
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1]))
from training import fit, prepare

LEAVE = (0.35, 0.45, 0.5)
"""The share of the images that reach an exit and should leave there."""


@torch.no_grad()
def calibrate(network: EarlyExitCNN, images: Tensor) -> None:
    """Set each threshold so that its share of the training images that reach the exit leaves there."""
    staying = torch.ones(len(images), dtype=torch.bool)
    for index, logits in enumerate(network.every_exit(images)[:-1]):
        confidence = logits.softmax(dim=-1).amax(dim=-1)
        network.thresholds[index] = confidence[staying].quantile(1 - LEAVE[index])
        staying &= confidence <= network.thresholds[index]


def main() -> None:
    data = prepare(seed=0)
    network = EarlyExitCNN()

    def loss(images: Tensor, labels: Tensor, progress: float) -> Tensor:
        # Smoothed labels keep the confidences away from 1, where rounding would decide between exits.
        return sum(cross_entropy(x, labels, label_smoothing=0.1) for x in network.every_exit(images))

    fit(network, loss, data, epochs=60)
    calibrate(network, torch.from_numpy(data.train_images))
    torch.save(network.state_dict(), Path(__file__).with_name("weights.pt"))

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    with torch.no_grad():
        outputs = [network(image[None]) for image in images]
        full = network.every_exit(images)
    right = sum(logits.argmax().item() == label for (logits, _), label in zip(outputs, labels))
    exits = torch.bincount(torch.tensor([index for _, index in outputs]))
    print(f"accuracy {right / len(labels):.1%} with early exits; thresholds {network.thresholds.tolist()}")
    print("accuracy of each exit alone:", [f"{(x.argmax(-1) == labels).float().mean():.1%}" for x in full])
    print("images per exit:", exits.tolist())


if __name__ == "__main__":
    main()
