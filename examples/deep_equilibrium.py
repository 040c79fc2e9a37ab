"""A deep equilibrium model (Bai et al., NeurIPS 2019): the output is the fixed point of a layer; random weights.

The layer is the residual block of the Deep Implicit Layers tutorial (Kolter et al., NeurIPS 2020). Its fixed point is
sought by a solver that is handed in as a function: Anderson acceleration or Broyden's method, until the relative
residual is below a tolerance, and for `most` iterations at the latest. Images are float32 [1, 3, 16, 16].

    adaptc compile examples/deep_equilibrium.py --name broyden_model
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from calibration import images, seeded
from torch import Tensor, nn

Function = Callable[[Tensor], Tensor]
Solver = Callable[[Function, Tensor], tuple[Tensor, int]]
"""From a function and a start to its fixed point, and the iterations that it took."""


def anderson(
    f: Function, start: Tensor, memory: int = 4, ridge: float = 1e-4, most: int = 10, tolerance: float = 1e-3
) -> tuple[Tensor, int]:
    """The mix of the last `memory` points whose residuals cancel best, by a least-squares problem in each iteration."""
    batch, size = start.size(0), start[0].numel()
    points = torch.zeros(batch, memory, size)
    values = torch.zeros(batch, memory, size)
    points[:, 0], values[:, 0] = start.flatten(1), f(start).flatten(1)
    points[:, 1], values[:, 1] = values[:, 0], f(values[:, 0].view_as(start)).flatten(1)
    system = torch.zeros(batch, memory + 1, memory + 1)
    system[:, 0, 1:] = system[:, 1:, 0] = 1
    target = torch.zeros(batch, memory + 1, 1)
    target[:, 0] = 1
    step = 2
    while step < most:
        known = min(step, memory)
        moves = values[:, :known] - points[:, :known]
        system[:, 1 : known + 1, 1 : known + 1] = torch.bmm(moves, moves.transpose(1, 2)) + ridge * torch.eye(known)
        weights = torch.linalg.solve(system[:, : known + 1, : known + 1], target[:, : known + 1])[:, 1:, 0]
        mixed = (weights[:, None] @ values[:, :known])[:, 0]
        points[:, step % memory] = mixed
        values[:, step % memory] = f(mixed.view_as(start)).flatten(1)
        moved = values[:, step % memory] - mixed
        step += 1
        if moved.norm() / (1e-5 + mixed.norm()) < tolerance:
            break
    return values[:, (step - 1) % memory].view_as(start), step


def broyden(f: Function, start: Tensor, most: int = 40, tolerance: float = 1e-3) -> tuple[Tensor, int]:
    """Quasi-Newton steps on f(z) - z with an inverse Jacobian of rank one more in each iteration."""
    shape = start.shape
    left: list[Tensor] = []
    right: list[Tensor] = []

    def residual_of(z: Tensor) -> Tensor:
        return (f(z.view(shape)) - z.view(shape)).flatten()

    def inverse(x: Tensor) -> Tensor:
        y = -x
        for u, v in zip(left, right):
            y = y + u * (v @ x)
        return y

    def transposed(x: Tensor) -> Tensor:
        y = -x
        for u, v in zip(left, right):
            y = y + v * (u @ x)
        return y

    z = start.flatten()
    value = residual_of(z)
    step = 0
    while value.norm() / (1e-5 + z.norm()) > tolerance and step < most:
        change = -inverse(value)
        z = z + change
        new = residual_of(z)
        difference = new - value
        row = transposed(change)
        column = (change - inverse(difference)) / (row @ difference)
        left.append(column)
        right.append(row)
        value = new
        step += 1
    return z.view(shape), step


class Layer(nn.Module):
    """f(z, x): two convolutions with the input added between them, and group norms."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, inner, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(inner, channels, 3, padding=1, bias=False)
        self.norm1, self.norm2 = nn.GroupNorm(4, inner), nn.GroupNorm(4, channels)
        self.norm3 = nn.GroupNorm(4, channels)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        y = self.norm1(torch.relu(self.conv1(z)))
        return self.norm3(torch.relu(z + self.norm2(x + self.conv2(y))))


class DeepEquilibrium(nn.Module):
    def __init__(self, solver: Solver, channels: int = 16, inner: int = 32, classes: int = 10) -> None:
        super().__init__()
        self.solver = solver
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.GroupNorm(4, channels))
        self.layer = Layer(channels, inner)
        self.head = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(channels * 16, classes))

    def forward(self, image: Tensor) -> tuple[Tensor, int]:
        """Logits [1, classes] for an image [1, 3, 16, 16], and the solver's iterations."""
        x = self.stem(image)
        z, steps = self.solver(lambda z: self.layer(z, x), torch.zeros_like(x))
        return self.head(z), steps


def deep_equilibrium(solver: Solver, seed: int = 0) -> DeepEquilibrium:
    """In eval mode with random weights, small enough that the layer contracts."""
    with seeded(seed):
        network = DeepEquilibrium(solver).eval()
        for conv in (network.layer.conv1, network.layer.conv2):
            conv.weight.normal_(0, 0.02)
        network.layer.norm1.weight *= 0.5
        network.layer.norm3.weight *= 0.3
    return network


def anderson_model() -> DeepEquilibrium:
    return deep_equilibrium(anderson)


def broyden_model() -> DeepEquilibrium:
    return deep_equilibrium(broyden)


model = anderson_model
example_inputs = (images(1, 16, seed=1)[0],)
