"""What the training scripts of the examples share: one deterministic loop over the digits."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from digits import Digits, load
from torch import Tensor, nn


def prepare(seed: int) -> Digits:
    """One thread and one seed, so that a rerun on the same machine gives the same weights; the data."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return load()


def shifted(images: Tensor) -> Tensor:
    """Each batch moved by up to one pixel in either direction: enough augmentation for 1,297 images."""
    down, right = torch.randint(-1, 2, (2,)).tolist()
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    return padded[..., 1 + down : 9 + down, 1 + right : 9 + right]


def fit(
    network: nn.Module,
    loss: Callable[[Tensor, Tensor, float], Tensor],
    data: Digits,
    *,
    epochs: int,
    learning_rate: float = 3e-3,
    batch: int = 64,
) -> None:
    """Minimise `loss(images, labels, progress)` with AdamW; `progress` goes from 0 to 1."""
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=1e-2)
    steps = epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    started, step = time.perf_counter(), 0
    network.train()
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        for start in range(0, len(images) - batch + 1, batch):
            picked = order[start : start + batch]
            value = loss(shifted(images[picked]), labels[picked], step / steps)
            optimizer.zero_grad()
            value.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            step += 1
        if epoch % 10 == 9 or epoch == epochs - 1:
            print(f"epoch {epoch + 1:3d}  loss {value.item():.4f}  {time.perf_counter() - started:.0f} s")
    network.eval()
