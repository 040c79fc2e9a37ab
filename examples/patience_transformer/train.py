"""Train the patience transformer: python examples/patience_transformer/train.py"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from patience_transformer import PatienceTransformer
from torch import Tensor
from torch.nn.functional import cross_entropy

sys.path.append(str(Path(__file__).parents[1]))
from training import fit, prepare


def main() -> None:
    data = prepare(seed=0)
    network = PatienceTransformer()

    def loss(images: Tensor, labels: Tensor, progress: float) -> Tensor:
        # Deeper classifiers weigh more, as in PABEE.
        losses = [cross_entropy(logits, labels) for logits in network.every_layer(images)]
        return sum((i + 1) * value for i, value in enumerate(losses)) / sum(range(len(losses) + 1))

    fit(network, loss, data, epochs=120)
    torch.save(network.state_dict(), Path(__file__).with_name("weights.pt"))

    images, labels = torch.from_numpy(data.test_images), torch.from_numpy(data.test_labels)
    with torch.no_grad():
        outputs = [network(image[None]) for image in images]
        full = network.every_layer(images)
    right = sum(logits.argmax().item() == label for (logits, _), label in zip(outputs, labels))
    print(f"accuracy {right / len(labels):.1%} with patience {network.patience}")
    print("accuracy behind each layer:", [f"{(x.argmax(-1) == labels).float().mean():.1%}" for x in full])
    print("images by layers computed:", torch.bincount(torch.tensor([n for _, n in outputs])).tolist())


if __name__ == "__main__":
    main()
