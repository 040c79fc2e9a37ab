"""Matrix products: single linear layers, products of two inputs, and stacks of layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from adaptc.costmodel.data.space.drawing import Draw
from adaptc.costmodel.data.space.registry import Drawn, family


@family("linear", "a linear layer on one row or many, with and without an activation")
def linear(draw: Draw) -> Drawn:
    inputs, outputs = draw.width(2, 4096), draw.width(1, 4096)
    while inputs * outputs > 4_000_000:
        inputs, outputs = (inputs + 1) // 2, (outputs + 1) // 2
    rows = 1 if draw.chance(0.45) else draw.within(float(inputs * outputs), 2, 512)
    layers: list[nn.Module] = [nn.Linear(inputs, outputs, bias=draw.chance(0.7))]
    if draw.chance(0.35):
        layers.append(draw.activation())
    shape = draw.pick((rows, inputs), (1, rows, inputs))
    return nn.Sequential(*layers), (torch.randn(*shape),)


class Product(nn.Module):
    """The product of two inputs, the second perhaps transposed, perhaps scaled."""

    def __init__(self, transposed: bool, scale: float | None) -> None:
        super().__init__()
        self.transposed, self.scale = transposed, scale

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        product = torch.matmul(a, b.transpose(-1, -2) if self.transposed else b)
        return product if self.scale is None else product * self.scale


class Bilinear(nn.Module):
    """Scores of pairs by an einsum."""

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.einsum(self.equation, a, b)


@family("matmul", "products of two inputs: plain, batched, by einsum")
def matmul(draw: Draw) -> Drawn:
    batch = draw.pick((), (1,), (draw.log(2, 16),), (1, draw.log(2, 16)))
    inner, columns = draw.width(8, 2048), draw.width(4, 2048)
    many = batch[-1] if batch else 1
    rows = 1 if draw.chance(0.2) else draw.within(float(many * inner * columns), 2, 512)
    a = torch.randn(*batch, rows, inner)
    if len(batch) == 1 and draw.chance(0.3):
        equation = draw.pick("bij,bjk->bik", "bij,bkj->bik")
        b = torch.randn(*batch, inner, columns) if equation == "bij,bjk->bik" else torch.randn(*batch, columns, inner)
        return Bilinear(equation), (a, b)
    transposed = draw.chance(0.4)
    b = torch.randn(*batch, columns, inner) if transposed else torch.randn(*batch, inner, columns)
    return Product(transposed, draw.pick(None, None, 0.125)), (a, b)


class ResidualMLP(nn.Module):
    """Layers of one width with a shortcut around each."""

    def __init__(self, layers: list[nn.Module], norms: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(norms)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms):
            x = x + layer(norm(x))
        return x


@family("mlp", "stacks of linear layers with activations, some with shortcuts and norms")
def mlp(draw: Draw) -> Drawn:
    depth = draw.pick(1, 2, 2, 3, 4)
    given = width = draw.width(8, 1536)
    if draw.chance(0.3):
        factor, activation = draw.pick(1, 2, 4), draw.activation()
        norm = draw.pick("layer", "batch", "none")
        stacks: list[nn.Module] = []
        norms: list[nn.Module] = []
        for _ in range(depth):
            stacks.append(nn.Sequential(nn.Linear(width, width * factor), activation, nn.Linear(width * factor, width)))
            norms.append({"layer": nn.LayerNorm, "batch": nn.BatchNorm1d}.get(norm, nn.Identity)(width))
        rows = 1 if draw.chance(0.6) else draw.within(2.0 * depth * factor * width**2, 2, 128)
        return ResidualMLP(stacks, norms), (torch.randn(rows, width),)
    layers: list[nn.Module] = []
    cost = 0
    for _ in range(depth):
        outputs = draw.width(8, 1536)
        layers.append(nn.Linear(width, outputs))
        if draw.chance(0.15):
            layers.append(nn.BatchNorm1d(outputs))
        layers.append(draw.activation())
        cost += width * outputs
        width = outputs
    layers.append(nn.Linear(width, draw.pick(1, 2, 10, draw.log(1, 512))))
    rows = 1 if draw.chance(0.5) else draw.within(float(cost), 2, 512)
    return nn.Sequential(*layers), (torch.randn(rows, given),)
