"""A transformer that stops once its classifiers have agreed for a while (PABEE, Zhou et al., 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatienceTransformer(nn.Module):
    """Reads a digit as a sequence of its 8 rows; a classifier stands behind each layer."""

    def __init__(self, width: int = 24, heads: int = 4, layers: int = 6, classes: int = 10, patience: int = 2) -> None:
        super().__init__()
        self.patience = patience
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(0.02 * torch.randn(8, width))
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.classifiers = nn.ModuleList(nn.Linear(width, classes) for _ in range(layers))

    def forward(self, images: Tensor) -> tuple[Tensor, int]:
        """Logits [N, classes] for images [N, 1, 8, 8], and how many layers were computed.

        The batch stops as one, when no image's prediction has changed for `patience` layers.
        """
        hidden = self.embed(images.squeeze(1)) + self.position
        patient_counter = 0
        patient_labels = None
        calculated_layers = 0
        for layer, classifier in zip(self.layers, self.classifiers):
            calculated_layers += 1
            hidden = layer(hidden)
            logits = classifier(hidden.mean(dim=1))
            labels = logits.detach().argmax(dim=-1)
            if patient_labels is not None and torch.all(labels.eq(patient_labels)):
                patient_counter += 1
            else:
                patient_counter = 0
            patient_labels = labels
            if patient_counter == self.patience:
                break
        return logits, calculated_layers

    def every_layer(self, images: Tensor) -> list[Tensor]:
        """The logits behind every layer, for training."""
        hidden = self.embed(images.squeeze(1)) + self.position
        outputs = []
        for layer, classifier in zip(self.layers, self.classifiers):
            hidden = layer(hidden)
            outputs.append(classifier(hidden.mean(dim=1)))
        return outputs
