"""Train the exception-exit transformer and calibrate its exits: python examples/exception_exit/train.py"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from exception_exit import ExceptionExitTransformer, entropy
from torch import Tensor
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1]))
from training import fit, prepare

LEAVE = (0.25, 0.35, 0.45, 0.5)
"""The share of the images that reach an exit and should leave there."""


@torch.no_grad()
def calibrate(network: ExceptionExitTransformer, images: Tensor) -> None:
    """Set each threshold so that its share of the training images that reach the exit leaves there."""
    staying = torch.ones(len(images), dtype=torch.bool)
    for index, logits in enumerate(network.every_exit(images)[:-1]):
        uncertainty = entropy(logits)
        threshold = uncertainty[staying].quantile(LEAVE[index]).item()
        network.encoder.early_exit_entropy[index] = threshold
        staying &= uncertainty >= threshold


def main() -> None:
    data = prepare(seed=0)
    network = ExceptionExitTransformer()

    def loss(images: Tensor, labels: Tensor, progress: float) -> Tensor:
        # Smoothed labels keep the entropies away from 0, where rounding would decide between exits.
        return sum(cross_entropy(x, labels, label_smoothing=0.1) for x in network.every_exit(images))

    fit(network, loss, data, epochs=120)
    calibrate(network, torch.from_numpy(data.train_images))
    saved = {"weights": network.state_dict(), "early_exit_entropy": network.encoder.early_exit_entropy}
    torch.save(saved, Path(__file__).with_name("weights.pt"))

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    with torch.no_grad():
        outputs = [network(image[None]) for image in images]
        full = network.every_exit(images)
    right = sum(output["logits"].argmax().item() == label for output, label in zip(outputs, labels))
    exits = torch.bincount(torch.tensor([output["exit_layer"] for output in outputs]))
    print(f"accuracy {right / len(labels):.1%}; entropies {network.encoder.early_exit_entropy}")
    print("accuracy of each exit alone:", [f"{(x.argmax(-1) == labels).float().mean():.1%}" for x in full])
    print("images by layers computed:", exits.tolist())


if __name__ == "__main__":
    main()
