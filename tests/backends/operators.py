"""Networks of one or two operators, with inputs: what the ONNX translation is compared with eager PyTorch on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adaptc.compiler.ir.operators import grouped_mm


class Apply(nn.Module):
    """A module whose forward is a function of itself, the inputs and submodules."""

    def __init__(self, function: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, *inputs: Any) -> Any:
        return (
            self.function(self, *inputs)
            if self._modules or self._parameters or self._buffers
            else self.function(*inputs)
        )


@dataclass
class Case:
    """`inputs` are tried in order; the first is the example. `dynamic` names varying dimensions per input."""

    module: nn.Module
    inputs: list[tuple[Any, ...]]
    dynamic: Sequence[dict[int, str]] | None = None
    tolerance: float = 1e-5


def _random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=_generator)


_generator = torch.Generator().manual_seed(0)
_B = {0: "batch"}


def case(
    function: Any,
    *inputs: Any,
    dynamic: Any = None,
    more: Sequence[tuple[Any, ...]] = (),
    tolerance: float = 1e-5,
    **modules: Any,
) -> Case:
    module = function if isinstance(function, nn.Module) else Apply(function, **modules)
    return Case(module.eval(), [inputs, *more], dynamic, tolerance)


def cases() -> dict[str, Case]:
    """All cases by name."""
    r = _random
    integers = torch.tensor([[3, 1, 2, 0], [7, -2, 5, 5]])
    mask = torch.tensor([[True, False, True, True], [False, False, True, False]])
    x, y = r(2, 4), r(2, 4)
    image = r(2, 8, 9, 10)
    table: dict[str, Case] = {
        # in-place results, aliases and pass-through
        "pass": case(lambda a: a, x),
        "pass-twice": case(lambda a: (a, a), x),
        "same-twice": case(lambda a: (lambda b: (b, b))(a + 1), x),
        "pass-weight": case(lambda s, a: (s.l.weight, a + 1, s.l.weight), x, l=nn.Linear(4, 4)),
        "no-inputs": case(lambda: torch.arange(6).reshape(2, 3)),
        "constant-output": case(lambda a: (a + 1, torch.ones(3)), x),
        "view-twice": case(lambda a: (a.view(8), a.view(8)), x),
        "in-place": case(lambda a: a.clone().add_(1).mul_(2), x),
        "in-place-slice": case(_store_slice, x),
        "in-place-view": case(_store_view, x),
        "unused-input": case(lambda a, b: a + 1, x, y),
        # arithmetic and types
        "bool": case(lambda a, b: (a & b, a | ~b, a ^ b, a == b, a.sum(), a.any(1), a.all()), mask, ~mask),
        "bool-arithmetic": case(lambda a: (a + a, a * 2, a.float() - 1, a.long().sum(1), a * a), mask),
        "bool-max": case(lambda a: (a.max(), a.cumsum(1), a.int().argmax(1)), mask),
        "int-ops": case(
            lambda a: (
                a + 1,
                a * a,
                a // 2,
                a % 3,
                -a,
                a.abs(),
                a.sum(),
                a.max(1)[0],
                a << 1,
                a >> 1,
                a & 3,
                a | 4,
                a ^ 5,
            ),
            integers,
        ),
        "int-division": case(
            lambda a: (
                a / 2,
                torch.div(a, 3, rounding_mode="trunc"),
                torch.div(a, 3, rounding_mode="floor"),
                a.remainder(3),
                a.fmod(3),
            ),
            integers,
        ),
        "int-negative-division": case(
            lambda a, b: (a // b, a % b, torch.fmod(a, b), torch.div(a, b, rounding_mode="trunc")),
            integers,
            torch.tensor([[2, -3, 2, 4], [-3, 3, -2, 2]]),
        ),
        "float-division": case(lambda a, b: (a // b, a % b, torch.fmod(a, b), a / b), x * 5, y),
        "int-argmax": case(lambda a: (a.argmax(), a.argmin(1), a.argmax(1, keepdim=True)), integers),
        "int-compare": case(lambda a: (a > 1, a <= 2, a != 5, torch.where(a > 1, a, 0)), integers),
        "int-mean": case(lambda a: (a.float().mean(), a.double().mean(1)), integers),
        "mixed": case(lambda a, b: (a + b, a * b.float(), b * 0.5, a > b), x, integers),
        "double": case(lambda a: (a * 2, a.sum(), a.mean(1), a.exp(), a @ a.t(), a.softmax(-1), a.relu()), x.double()),
        "double-linear": case(lambda s, a: s.l(a), x.double(), l=nn.Linear(4, 3).double()),
        "half": case(lambda s, a: F.relu(s.l(a)) * 1.1, x.half(), l=nn.Linear(4, 3).half(), tolerance=2e-3),
        "half-conv": case(lambda s, a: s.c(a), image.half(), c=nn.Conv2d(8, 4, 3).half(), tolerance=3e-3),
        "half-elementwise": case(
            lambda a: (a * 3.3, a + 1.7, (a * 1.1) * 1.3, a.exp(), a * 30000), x.half(), tolerance=0
        ),
        "half-pass": case(lambda a: (a, a.float(), a.view(8)), x.half(), tolerance=0),
        "bfloat16": case(lambda s, a: F.gelu(s.l(a)), x.bfloat16(), l=nn.Linear(4, 3).bfloat16(), tolerance=2e-2),
        "bfloat16-elementwise": case(
            lambda a: ((a * 3.3 + 1.7) * 1.1, a.float() * 1.1, (a + 1).sum(1), a > 0),
            x.bfloat16(),
            tolerance=0,
        ),
        "bfloat16-topk": case(lambda a: (a * 1.3).topk(2), x.bfloat16(), tolerance=0),
        "bfloat16-inside": case(lambda a: (a.bfloat16() * 1.7).float(), x, tolerance=0),
        "uint8": case(
            lambda a: (a.float() / 255, a + 10, a // 3, a > 5, a * a),
            torch.tensor([[0, 5, 200, 255]], dtype=torch.uint8),
        ),
        "int8": case(
            lambda a: (a + a, a * 3, a.sum(), -a, a.max()),
            torch.tensor([[100, -5, 7, -128]], dtype=torch.int8),
        ),
        "int16": case(lambda a: (a + a, a * 3, a.abs()), torch.tensor([[30000, -5, 7]], dtype=torch.int16)),
        "int32": case(lambda a: (a + a, a // 2, a.sum(), a.max(1)[0], a.cumsum(1), a % 2), integers.int()),
        "casts": case(
            lambda a: (
                a.int(),
                a.long(),
                a.double(),
                a.bool(),
                a.half(),
                a.to(torch.int8),
            ),
            x * 3,
        ),
        "rounding": case(
            lambda a: (a.round(), a.floor(), a.ceil(), a.trunc(), a.frac(), a.sign(), a.round(decimals=1)),
            x * 3,
        ),
        "pointwise": case(
            lambda a: (
                a.exp(),
                a.sin(),
                a.cos(),
                a.tanh(),
                a.sigmoid(),
                a.abs(),
                a.neg(),
                a.square(),
                a.erf(),
                a.atan(),
                a.expm1(),
                a.sinh(),
            ),
            x,
        ),
        "pointwise-positive": case(
            lambda a: (
                a.log(),
                a.sqrt(),
                a.rsqrt(),
                a.reciprocal(),
                a.log1p(),
                a.log2(),
                a.log10(),
                a.pow(1.5),
                2**a,
                a**2,
                a**-1,
            ),
            x.abs() + 0.1,
        ),
        "pointwise-two": case(
            lambda a, b: (
                torch.maximum(a, b),
                torch.minimum(a, b),
                torch.atan2(a, b),
                a.pow(2),
                torch.hypot(a, b),
                torch.lerp(a, b, 0.3),
                torch.addcmul(a, a, b),
                torch.copysign(a, b),
            ),
            x,
            y,
        ),
        "squeeze-dims": case(
            lambda a: (a.squeeze(1) * 2, a.squeeze(0) * 2, a.squeeze((0, 1, -1)) * 2, a.sum().squeeze(-1) * 2),
            x[None, :, :, None] if x.dim() == 2 else x.reshape(1, -1, 1),
        ),
        "cat-empty": case(
            lambda a: (
                torch.cat([a[:0, 0], a[:0, 1]]) + 1,
                torch.cat([a.new_zeros(0), a * 2, a.new_zeros(0), a], 1),
                torch.cat([a[:0], a]),
            ),
            x if x.dim() == 2 else x.reshape(-1, 2),
        ),
        "nextafter": case(
            lambda a, b: (
                (torch.nextafter(a, b) - a) / a,
                (torch.nextafter(b, a) - b) / b,
                (torch.nextafter(a.double(), b.double()) - a.double()) / a.double(),
                torch.nextafter(a * 0, b) / 1e-44,
            ),
            torch.tensor([1.0, 2.0, -2.0, 0.7, 1.1754944e-38, 3e38, 5.0, 1e-30]),
            torch.tensor([1.5, 1.0, -3.0, 0.9, -1.0, 1.0, 5.0, 1.0]),
        ),
        "clamp": case(
            lambda a: (
                a.clamp(-0.5, 0.5),
                a.clamp(min=0),
                a.clamp(max=0.3),
                a.clip(0, 1),
                torch.clamp(a, a - 1, a * 2),
            ),
            x,
        ),
        "int-clamp": case(lambda a: (a.clamp(0, 3), a.clamp(min=1), a.clamp_max(2)), integers),
        "isnan": case(
            lambda a: (a.isnan(), a.isinf(), torch.isfinite(a), torch.nan_to_num(a, 0.0, 1.0, -1.0)),
            torch.tensor([1.0, float("nan"), float("inf"), -float("inf")]),
        ),
        "logical": case(
            lambda a, b: (
                torch.logical_and(a, b),
                torch.logical_or(a, b),
                torch.logical_not(a),
                torch.logical_xor(a, b),
            ),
            integers,
            mask,
        ),
        "close": case(lambda a, b: (torch.isclose(a, b), (a - b).abs().max() < 1e-3), x, x + 1e-9),
        # host scalars
        "scalar-float": case(
            lambda a, s: (a * s, a + s, a > s, s * 2),
            x,
            torch.tensor(0.3, dtype=torch.float64),
            more=[(x, torch.tensor(2.5, dtype=torch.float64))],
        ),
        "scalar-int": case(
            lambda a, s: (a * s, a + s, s + 1, s * 0.5, a**s),
            x.abs(),
            torch.tensor(3),
            more=[(x.abs(), torch.tensor(1))],
        ),
        "scalar-int-index": case(
            lambda a, s: (a[:, s.view(1)], a.index_select(1, s.view(1)), (torch.arange(4) == s)),
            x,
            torch.tensor(2),
        ),
        "scalar-bool": case(
            lambda a, s: (torch.where(s, a, -a), a * s, ~s),
            x,
            torch.tensor(True),
            more=[(x, torch.tensor(False))],
        ),
        # reductions
        "reductions": case(
            lambda a: (
                a.sum(),
                a.sum(1),
                a.mean((0, 1)),
                a.prod(1),
                a.max(),
                a.min(1),
                a.amax(1),
                a.amin((0, 1)),
                a.std(1),
                a.var(),
                a.norm(),
                a.norm(dim=1),
                a.logsumexp(1),
            ),
            x,
        ),
        "norms": case(
            lambda a: (
                a.norm(p=1, dim=1),
                torch.linalg.vector_norm(a, 3),
                F.normalize(a, dim=1),
                F.cosine_similarity(a, a + 1),
                torch.cdist(a, a * 2),
                torch.dist(a, a + 1),
            ),
            x,
        ),
        "counts": case(
            lambda a: (a.count_nonzero(), (a > 0).sum(), (a > 0).float().mean(), a.any(), (a > 9).any(1)), x
        ),
        "cumulative": case(lambda a: (a.cumsum(1), a.cumprod(1), a.flip(1).cumsum(1), a.logcumsumexp(1)), x),
        "argmax": case(lambda a: (a.argmax(), a.argmax(1), a.argmin(0), a.max(1)[1], a.argmax(1, keepdim=True)), x),
        "argmax-ties": case(
            lambda a: (a.argmax(1), a.max(1)[1], a.argmin(1)),
            torch.tensor([[1.0, 3.0, 3.0, 1.0], [0.0, 0.0, 0.0, 0.0]]),
        ),
        "topk": case(lambda a: (a.topk(2), a.topk(2, largest=False), a.topk(1, dim=0)), x),
        "sort": case(lambda a: (a.sort(1), a.sort(descending=True), a.argsort(1)), x),
        "sort-stable": case(
            lambda a: (torch.sort(a, dim=1, stable=True), torch.sort(a, dim=1, stable=True, descending=True)),
            torch.tensor([[1, 0, 1, 0, 1], [2, 2, 2, 1, 1]]),
        ),
        "median": case(lambda a: (a.median(), a.median(1)), x),
        "kthvalue": case(lambda a: a.kthvalue(2, 1), x),
        "quantile": case(lambda a: (a.quantile(0.3, dim=1), a.quantile(0.5)), x),
        "unique": case(lambda a: torch.unique(a), integers),
        "bincount": case(lambda a: torch.bincount(a.abs().flatten(), minlength=9), integers),
        "histc": case(lambda a: torch.histc(a, 4, -1.0, 1.0), x),
        "grouped-mm": case(
            lambda a, w, e: (grouped_mm(a, w, e), grouped_mm(a, w.mT.contiguous().mT, e).sum(0)),
            r(6, 8),
            r(4, 8, 4),
            torch.tensor([2, 2, 5, 6], dtype=torch.int32),
            dynamic=[{0: "rows"}, {}, {}],
            more=[
                (r(2, 8), r(4, 8, 4), torch.tensor([0, 0, 0, 2], dtype=torch.int32)),
                (r(3, 8), r(4, 8, 4), torch.tensor([1, 1, 1, 1], dtype=torch.int32)),
            ],
        ),
        "bucketize": case(
            lambda a: (
                torch.bucketize(a, torch.tensor([-1.0, 0.0, 1.0])),
                torch.searchsorted(torch.tensor([-1.0, 0.0, 1.0]), a),
            ),
            x,
        ),
        "entropy": case(lambda a: -(a.softmax(-1) * a.log_softmax(-1)).sum(-1), x),
        # indexing
        "index": case(lambda a, i: (a[i], a[:, i], a[0, i], a[i, i]), r(4, 4), torch.tensor([2, 0, 3])),
        "index-negative": case(
            lambda a, i: (a[i], a.index_select(0, i.remainder(4))), r(4, 4), torch.tensor([-1, 0, -3])
        ),
        "index-bool": case(lambda a, m: (a[m], a[m].sum()), x, mask),
        "index-bool-rows": case(lambda a: a[a.sum(1) > 0], r(5, 4)),
        "index-grid": case(
            lambda a, i, j: (a[i[:, None], j], a[:, i, :], a[..., j]),
            r(4, 4, 4),
            torch.tensor([2, 0]),
            torch.tensor([1, 3]),
        ),
        "slices": case(
            lambda a: (a[1:], a[:, ::2], a[..., -1], a[:, None], a[-1], a[0:1, 1:3], a.narrow(1, 1, 2)),
            r(4, 6),
        ),
        "gather": case(
            lambda a, i: (a.gather(1, i), torch.take_along_dim(a, i, 1), torch.take(a, i)),
            x,
            torch.tensor([[1, 0], [3, 2]]),
        ),
        "gather-smaller": case(lambda a, i: (a.gather(1, i), a.gather(0, i)), r(3, 4), torch.tensor([[1, 0], [2, 2]])),
        "scatter": case(
            lambda a, i: (a.scatter(1, i, 5.0), a.scatter(1, i, a * 2), a.scatter_add(1, i, a)),
            x,
            torch.tensor([[1, 0], [3, 3]]),
        ),
        "scatter-duplicates": case(lambda a, i: a.scatter_add(1, i, a), x, torch.tensor([[1, 1, 1, 0], [3, 3, 0, 0]])),
        "scatter-reduce": case(
            lambda a, i: (
                a.scatter_reduce(1, i, a, "amax"),
                a.scatter_reduce(1, i, a, "sum"),
                a.scatter_reduce(1, i, a, "mean", include_self=False),
                a.scatter_reduce(1, i, a, "prod"),
            ),
            x,
            torch.tensor([[1, 1, 1, 0], [3, 3, 0, 0]]),
        ),
        "one-hot": case(lambda i: F.one_hot(i, 5), torch.tensor([1, 4, 0])),
        "index-put": case(_index_put, r(4, 3), torch.tensor([2, 0]), r(2, 3)),
        "index-put-accumulate": case(
            lambda a, i, v: a.index_put((i,), v, accumulate=True), r(4, 3), torch.tensor([2, 2]), r(2, 3)
        ),
        "index-add": case(
            lambda a, i, v: (a.index_add(0, i, v), a.index_copy(0, i, v), a.index_fill(0, i, 2.0)),
            r(4, 3),
            torch.tensor([2, 0]),
            r(2, 3),
        ),
        "index-put-mask": case(_mask_put, r(4, 3), torch.tensor([True, False, True, True])),
        "masked": case(
            lambda a, m: (
                a.masked_fill(m, -1e9),
                a.masked_fill(~m, float("-inf")),
                a.masked_select(m),
                a.where(m, 0.0),
            ),
            x,
            mask,
        ),
        "masked-scatter": case(lambda a, m, v: a.masked_scatter(m, v), x, mask, r(8)),
        "nonzero": case(lambda m: (m.nonzero(), torch.where(m)[1], torch.argwhere(m)), mask),
        "places": case(
            lambda m: (*torch.where(m), *torch.where(m[0]), *torch.where(m[None])),
            mask,
        ),
        "embedding": case(lambda s, i: s.e(i), torch.tensor([[1, 0, 4]]), e=nn.Embedding(5, 3, padding_idx=0)),
        "embedding-bag": case(
            lambda s, i: s.e(i), torch.tensor([[1, 0, 4], [2, 2, 3]]), e=nn.EmbeddingBag(5, 3, mode="mean")
        ),
        "where": case(
            lambda a, b: (torch.where(a > b, a, b), torch.where(a > 0, a, 0.0), torch.where(a > 0, 1.0, 0.0)),
            x,
            y,
        ),
        "isin": case(lambda a: torch.isin(a, torch.tensor([1, 5])), integers),
        "tri": case(
            lambda a: (
                a.tril(),
                a.triu(1),
                torch.tril(torch.ones(3, 3)),
                a.diagonal(),
            ),
            r(4, 4),
        ),
        "factories": case(
            lambda a: (
                torch.zeros_like(a),
                torch.ones(2, 3),
                torch.full((2,), 3.5),
                torch.arange(1, 9, 2),
                torch.linspace(0, 1, 5),
                torch.eye(3),
                torch.full_like(a, 2),
                a.new_zeros(3),
                torch.empty_like(a).fill_(1),
            ),
            x,
        ),
        "meshgrid": case(lambda a, b: torch.meshgrid(a, b, indexing="ij"), r(3), r(4)),
        # shapes
        "reshape": case(
            lambda a: (
                a.view(-1),
                a.reshape(3, 2, 4),
                a.flatten(1),
                a.unflatten(1, (2, 4)),
                a.unsqueeze(-1),
                a.t(),
                a.squeeze(),
                a.squeeze(-1),
                a.unsqueeze(1).squeeze((0, 1)),
            ),
            r(3, 8),
        ),
        "numbers close to 0 and 1": case(
            lambda a: (a / (a.norm() + 1e-8), (a + 1e-12).log(), a * 0.99999, (a - 1e-9).log(), a / (1 + 1e-6)),
            torch.zeros(2, 3),
        ),
        "permute": case(
            lambda a: (
                a.permute(2, 0, 1),
                a.transpose(1, 2),
                a.movedim(0, 2),
                a.swapaxes(0, 1),
                a.mT,
                a.contiguous(),
            ),
            r(2, 3, 4),
        ),
        "concat": case(
            lambda a, b: (
                torch.cat([a, b]),
                torch.stack([a, b], 1),
                torch.cat([a, b], -1),
                torch.hstack([a, b]),
                torch.vstack([a, b]),
            ),
            x,
            y,
        ),
        "split": case(
            lambda a: (
                a.split(2, 1),
                a.chunk(2, 1),
                a.unbind(1),
                torch.tensor_split(a, 2, 1),
                a.split([1, 3], 1),
            ),
            r(2, 4),
        ),
        "expand": case(
            lambda a: (
                a.expand(3, -1, -1),
                a.repeat(2, 1, 2),
                a.repeat_interleave(2, 1),
                a.tile(2),
                a.broadcast_to(5, 1, 4),
                a.expand_as(torch.ones(3, 1, 4)),
            ),
            r(1, 4),
        ),
        "repeat-tensor": case(lambda a, n: a.repeat_interleave(n, 0), r(3, 2), torch.tensor([1, 0, 2])),
        "roll": case(lambda a: (a.roll(1, 0), a.roll((1, -2), (0, 1)), a.roll(2), a.flip(0), a.rot90()), r(3, 4)),
        "unfold": case(lambda a: (a.unfold(1, 3, 2), F.unfold(a[None, None], 3, padding=1)), r(5, 7)),
        "fold": case(lambda a: F.fold(a, (4, 5), 2), r(1, 8, 12)),
        "pad": case(
            lambda a: (
                F.pad(a, (1, 2)),
                F.pad(a, (1, 0, 2, 1), value=3.0),
                F.pad(a, (2, 1, 1, 1), mode="reflect"),
                F.pad(a, (1, 1, 1, 1), mode="replicate"),
                F.pad(a, (1, 1, 2, 1), mode="circular"),
                F.pad(a, (-1, 0)),
            ),
            r(1, 2, 4, 5),
        ),
        "pixel-shuffle": case(
            lambda a: (F.pixel_shuffle(a, 2), F.pixel_unshuffle(a, 2), F.channel_shuffle(a, 2)), r(1, 4, 4, 4)
        ),
        "zero-rows": case(
            lambda a: (a * 2, a.sum(0), a.sum(), torch.cat([a, a + 1]), a.softmax(-1), a[a[:, 0] > 0]),
            r(3, 4),
            dynamic=[_B],
            more=[(r(0, 4),), (r(1, 4),)],
        ),
        "zero-rows-means": case(
            lambda a: (
                *(a.mean(), a.mean(0), a.mean((0, 1), keepdim=True), a.mean(0, dtype=torch.float64)),
                *(a.var(), a.var(0), a.var(0, unbiased=False), a.std(0, keepdim=True), a.var(1)),
                *((a > 0).any(), (a > 0).any(0), a.any(1), (a > 0).all()),
                *(F.mse_loss(a, a * 2), F.mse_loss(a, a * 2, reduction="sum")),
            ),
            r(3, 4),
            dynamic=[_B],
            more=[(r(0, 4),), (r(1, 4),)],
        ),
        "zero-rows-group-norm": case(
            lambda a, b: (F.group_norm(a, 2), F.group_norm(b, 4)),
            r(3, 4),
            r(3, 4, 5),
            dynamic=[_B, _B],
            more=[(r(0, 4), r(0, 4, 5)), (r(1, 4), r(1, 4, 5))],
        ),
        "zero-rows-linear": case(
            lambda s, a: F.relu(s.l(a)),
            r(3, 4),
            dynamic=[_B],
            more=[(r(0, 4),), (r(1, 4),)],
            l=nn.Linear(4, 5),
        ),
        "zero-rows-linear3": case(
            lambda s, a: s.n(s.l(a)),
            r(3, 2, 4),
            dynamic=[_B],
            more=[(r(0, 2, 4),), (r(1, 2, 4),)],
            l=nn.Linear(4, 5),
            n=nn.LayerNorm(5),
        ),
        "zero-rows-conv": case(
            lambda s, a: F.max_pool2d(F.relu(s.b(s.c(a))), 2),
            image,
            dynamic=[_B],
            more=[(image[:0],), (image[:1],)],
            c=nn.Conv2d(8, 4, 3),
            b=nn.BatchNorm2d(4),
        ),
        "zero-rows-index": case(
            lambda a, i: (a[i], a.index_add(0, i, a[i]), a.index_put((i,), a[i] * 2)),
            r(3, 4),
            torch.tensor([2, 0]),
            dynamic=[_B, {0: "chosen"}],
            more=[(r(3, 4), torch.zeros(0, dtype=torch.long)), (r(1, 4), torch.zeros(1, dtype=torch.long))],
        ),
        "zero-rows-view": case(
            lambda a: (a.view(a.shape[0], 2, 2), a.reshape(-1, 2), a.flatten(), a.mean(1), a.view(-1, 4)),
            r(3, 4),
            dynamic=[_B],
            more=[(r(0, 4),), (r(1, 4),)],
        ),
        "dynamic-batch": case(
            lambda s, a: (s.l(a.flatten(1)), a.shape[0] * a, torch.zeros(a.shape[0], 2), a.mean(0)),
            r(3, 2, 4),
            dynamic=[_B],
            more=[(r(1, 2, 4),), (r(7, 2, 4),)],
            l=nn.Linear(8, 2),
        ),
        "dynamic-two": case(
            lambda a, b: (a @ b.transpose(1, 2), a[:, :1].expand(-1, b.shape[1], -1) + b),
            r(2, 5, 4),
            r(2, 3, 4),
            dynamic=[{0: "batch", 1: "rows"}, {0: "batch", 1: "columns"}],
            more=[(r(3, 1, 4), r(3, 6, 4))],
        ),
        "dynamic-arange": case(
            lambda a: (
                torch.arange(a.shape[1]),
                a + torch.arange(a.shape[1]),
                a.new_ones(a.shape[1], a.shape[1]).tril(),
                a.view(a.shape[0] * a.shape[1]),
            ),
            r(2, 5),
            dynamic=[{0: "batch", 1: "length"}],
            more=[(r(3, 9),), (r(1, 1),)],
        ),
        "dynamic-sizes": case(
            lambda a: (
                a[:, : a.shape[1] // 2],
                a * (a.shape[1] + 1),
                a / a.shape[0],
                a.reshape(-1, a.shape[1], 1),
            ),
            r(2, 6),
            dynamic=[{0: "batch", 1: "length"}],
            more=[(r(3, 9),), (r(4, 2),)],
        ),
        "dynamic-cat": case(
            lambda a, b: torch.cat([a, b], 1),
            r(1, 3, 4),
            r(1, 5, 4),
            dynamic=[{1: "past"}, {1: "new"}],
            more=[(r(1, 0, 4), r(1, 1, 4)), (r(1, 8, 4), r(1, 1, 4))],
        ),
        "dynamic-expand": case(
            lambda a, b: (a.expand(b.shape[0], 4), a + b, b.sum(0, keepdim=True).expand_as(b)),
            r(1, 4),
            r(3, 4),
            dynamic=[{}, _B],
            more=[(r(1, 4), r(1, 4)), (r(1, 4), r(0, 4))],
        ),
        # layers
        "linear": case(lambda s, a: (s.a(a), s.b(a)), x, a=nn.Linear(4, 5), b=nn.Linear(4, 3, bias=False)),
        "linear-1d": case(lambda s, a: s.a(a), r(4), a=nn.Linear(4, 5)),
        "bilinear": case(lambda s, a, b: s.l(a, b), x, y, l=nn.Bilinear(4, 4, 3)),
        "matmul": case(
            lambda a, b: (
                a @ b,
                a[0] @ b,
                a @ b[:, 0],
                a[0, 0] @ b[:, 0],
                torch.bmm(a, a.mT),
                torch.einsum("bij,jk->bik", a, b),
            ),
            r(2, 3, 4),
            r(4, 5),
        ),
        "einsum": case(
            lambda a, b: (
                torch.einsum("bhd,bkd->bhk", a, b),
                torch.einsum("bij->bji", a),
                torch.einsum("bij,bij->", a, a),
                torch.einsum("...i,...i->...", a, a),
            ),
            r(2, 3, 4),
            r(2, 5, 4),
        ),
        "addmm": case(
            lambda a, b, c: (
                torch.addmm(c, a, b),
                torch.addmm(c, a, b, beta=0.5, alpha=2),
                torch.baddbmm(c[None], a[None], b[None]),
                torch.outer(a[0], b[0]),
                torch.kron(a, b),
                torch.tensordot(a, b, 1),
            ),
            r(3, 4),
            r(4, 5),
            r(3, 5),
        ),
        "conv1d": case(
            lambda s, a: (s.a(a), s.b(a)),
            r(2, 4, 11),
            a=nn.Conv1d(4, 6, 3, padding=1),
            b=nn.Conv1d(4, 4, 3, stride=2, groups=4, dilation=2),
        ),
        "conv2d": case(
            lambda s, a: (s.a(a), s.b(a), s.c(a)),
            image,
            a=nn.Conv2d(8, 6, 3, padding=1),
            b=nn.Conv2d(8, 8, 3, stride=2, groups=8, bias=False),
            c=nn.Conv2d(8, 4, 3, padding="same", dilation=2),
        ),
        "conv2d-reflect": case(lambda s, a: s.a(a), image, a=nn.Conv2d(8, 6, 3, padding=1, padding_mode="reflect")),
        "conv3d": case(lambda s, a: s.a(a), r(1, 2, 5, 6, 7), a=nn.Conv3d(2, 3, 3)),
        "conv-unbatched": case(lambda s, a: s.a(a), r(8, 9, 10), a=nn.Conv2d(8, 6, 3)),
        "conv-transpose": case(
            lambda s, a: (s.a(a), s.b(a)),
            r(2, 4, 5, 6),
            a=nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1, output_padding=1),
            b=nn.ConvTranspose2d(4, 4, 2, stride=2, groups=2),
        ),
        "conv-transpose1d": case(lambda s, a: s.a(a), r(2, 4, 5), a=nn.ConvTranspose1d(4, 3, 3, stride=2)),
        "conv-functional": case(lambda a, w: F.conv2d(a, w, padding=1), image, r(5, 8, 3, 3)),
        "max-pool": case(
            lambda a: (
                F.max_pool2d(a, 2),
                F.max_pool2d(a, 3, 2, 1),
                F.max_pool2d(a, 2, ceil_mode=True),
                F.max_pool1d(a[0], 2),
                F.max_pool2d(a, 3, dilation=2),
            ),
            image,
        ),
        "max-pool-indices": case(lambda a: F.max_pool2d(a, 2, return_indices=True), image),
        "avg-pool": case(
            lambda a: (
                F.avg_pool2d(a, 2),
                F.avg_pool2d(a, 3, 2, 1),
                F.avg_pool2d(a, 3, 2, 1, count_include_pad=False),
                F.avg_pool2d(a, 2, ceil_mode=True),
                F.avg_pool1d(a[0], 2),
                F.lp_pool2d(a, 2, 2),
            ),
            image,
        ),
        "adaptive-pool": case(
            lambda a: (
                F.adaptive_avg_pool2d(a, 1),
                F.adaptive_avg_pool2d(a, (3, 5)),
                F.adaptive_avg_pool1d(a[0], 1),
                F.adaptive_max_pool2d(a, 1),
                F.adaptive_max_pool2d(a, (3, 2)),
            ),
            image,
        ),
        "adaptive-pool-uneven": case(
            lambda a: (
                F.adaptive_avg_pool2d(a, (4, 3)),
                F.adaptive_avg_pool2d(a, (7, 7)),
                F.adaptive_avg_pool1d(a[0], 4),
                F.adaptive_max_pool2d(a, (4, 3)),
            ),
            image,
        ),
        "adaptive-pool-dynamic": case(
            lambda a: F.adaptive_avg_pool2d(a, 1).flatten(1),
            image,
            dynamic=[{0: "batch", 2: "height", 3: "width"}],
            more=[(r(1, 8, 4, 7),)],
        ),
        "interpolate": case(
            lambda a: (
                F.interpolate(a, scale_factor=2),
                F.interpolate(a, size=(5, 7)),
                F.interpolate(a, scale_factor=2, mode="bilinear"),
                F.interpolate(a, size=(13, 7), mode="bilinear", align_corners=True),
                F.interpolate(a, size=(6, 5), mode="area"),
            ),
            image,
        ),
        "interpolate-bicubic": case(
            lambda a: (
                F.interpolate(a, scale_factor=2, mode="bicubic"),
                F.interpolate(a, size=(12, 15), mode="bicubic", align_corners=True),
            ),
            image,
            tolerance=1e-4,
        ),
        "interpolate-1d3d": case(
            lambda a: (
                F.interpolate(a[0], scale_factor=2, mode="linear"),
                F.interpolate(a[None], scale_factor=2, mode="trilinear"),
                F.interpolate(a[None], scale_factor=2),
            ),
            image,
        ),
        "interpolate-antialias": case(
            lambda a: F.interpolate(a, size=(5, 4), mode="bilinear", antialias=True), image, tolerance=1e-4
        ),
        "grid-sample": case(
            lambda a, g: (
                F.grid_sample(a, g, align_corners=False),
                F.grid_sample(a, g, mode="nearest", padding_mode="border", align_corners=True),
            ),
            image,
            torch.rand(2, 5, 6, 2, generator=_generator) * 2 - 1,
        ),
        "affine-grid": case(lambda t: F.affine_grid(t, [2, 3, 4, 5], align_corners=False), r(2, 2, 3)),
        "batch-norm": case(
            lambda s, a: (s.a(a), s.b(a[:, :, 0, 0])),
            image,
            a=_batch_norm(8),
            b=nn.BatchNorm1d(8, affine=False),
        ),
        "layer-norm": case(
            lambda s, a: (s.a(a), s.b(a), s.c(a)),
            image,
            a=nn.LayerNorm(10),
            b=nn.LayerNorm((9, 10), elementwise_affine=False),
            c=nn.LayerNorm(10, bias=False),
        ),
        "group-norm": case(
            lambda s, a: (s.a(a), s.b(a), s.c(a)),
            image,
            a=nn.GroupNorm(4, 8),
            b=nn.GroupNorm(8, 8),
            c=nn.GroupNorm(1, 8, affine=False),
        ),
        "group-norm-dynamic": case(
            lambda s, a: s.a(a),
            image,
            dynamic=[{0: "batch", 2: "height"}],
            more=[(r(1, 8, 5, 10),)],
            a=nn.GroupNorm(4, 8),
        ),
        "group-norm-2d": case(lambda s, a: s.a(a), r(3, 8), a=nn.GroupNorm(2, 8)),
        "instance-norm": case(
            lambda s, a: (s.a(a), s.b(a)), image, a=nn.InstanceNorm2d(8), b=nn.InstanceNorm2d(8, affine=True)
        ),
        "rms-norm": case(
            lambda s, a: (s.a(a), s.b(a)),
            image,
            a=nn.RMSNorm(10),
            b=nn.RMSNorm((9, 10), eps=1e-3, elementwise_affine=False),
        ),
        "local-response": case(lambda s, a: s.a(a), image, a=nn.LocalResponseNorm(3)),
        "activations": case(
            lambda a: (
                F.relu(a),
                F.gelu(a),
                F.gelu(a, approximate="tanh"),
                F.silu(a),
                F.softplus(a),
                F.elu(a),
                F.leaky_relu(a),
                F.selu(a),
                F.hardswish(a),
                F.hardsigmoid(a),
                F.hardtanh(a),
                F.relu6(a),
                F.mish(a),
                F.celu(a),
                F.softsign(a),
                F.tanhshrink(a),
                F.logsigmoid(a),
                F.threshold(a, 0.1, 0.2),
            ),
            x * 3,
        ),
        "activations-more": case(
            lambda s, a: (s.p(a), F.glu(a), F.hardshrink(a), F.softshrink(a), F.softmin(a, -1), F.rrelu(a)),
            x * 3,
            p=nn.PReLU(),
        ),
        "softplus-large": case(
            lambda a: (F.softplus(a), F.softplus(a, 2.0, 1.0)), torch.tensor([-200.0, -3.0, 0.0, 3.0, 200.0])
        ),
        "softmax": case(
            lambda a: (
                a.softmax(-1),
                a.log_softmax(0),
                a.softmax(1, dtype=torch.float64),
                (a * 100).softmax(-1),
            ),
            x,
        ),
        "dropout": case(
            lambda s, a: (s.d(a), F.dropout(a, 0.5, training=False), s.e(a[None])),
            x,
            d=nn.Dropout(0.5),
            e=nn.Dropout1d(0.5),
        ),
        "gumbel-free": case(lambda a: (a.softmax(-1) > 0.3).float().argmax(-1), x),
        "losses": case(
            lambda a, b: (
                F.mse_loss(a, b),
                F.l1_loss(a, b),
                F.smooth_l1_loss(a, b),
                F.kl_div(a, b.softmax(-1)),
                F.cross_entropy(a, torch.tensor([1, 3])),
                F.binary_cross_entropy_with_logits(a, b.sigmoid()),
            ),
            x,
            y,
        ),
        # attention
        "sdpa": case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
        ),
        "sdpa-mask": case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
            r(2, 1, 5, 7),
        ),
        "sdpa-mask-2d": case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
            r(5, 7),
        ),
        "sdpa-mask-broadcast": case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
            r(2, 1, 1, 7),
        ),
        "sdpa-bool": case(
            lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, attn_mask=m > -1),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
            r(2, 1, 5, 7),
        ),
        "sdpa-bool-empty-row": case(_empty_row, r(1, 2, 3, 4), r(1, 2, 3, 4)),
        "sdpa-float-empty-row": case(
            lambda q, k, m: F.scaled_dot_product_attention(q, k, k, attn_mask=m),
            r(1, 2, 3, 4),
            r(1, 2, 3, 4),
            torch.tensor([[0.0, -1e9, -1e9], [-1e9, -1e9, -1e9], [0.0, 0.0, torch.finfo(torch.float32).min]]),
        ),
        "sdpa-causal": case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
            r(2, 3, 5, 8),
            r(2, 3, 5, 8),
            r(2, 3, 5, 8),
        ),
        "sdpa-causal-longer": case(
            lambda q, k: (
                F.scaled_dot_product_attention(q, k, k, is_causal=True),
                F.scaled_dot_product_attention(k, q, q, is_causal=True),
            ),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
        ),
        "sdpa-mask-3d": case(
            lambda q, k, m: F.scaled_dot_product_attention(q, k, k, attn_mask=m),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(3, 5, 7),
        ),
        "sdpa-dynamic-empty-row": case(
            lambda q, k, m: F.scaled_dot_product_attention(q, k, k, attn_mask=m),
            r(2, 2, 3, 4),
            r(2, 2, 3, 4),
            torch.tensor([[[[True, False, True]]], [[[False, False, False]]]]),
            dynamic=[_B, _B, _B],
            more=[(r(1, 2, 3, 4), r(1, 2, 3, 4), torch.ones(1, 1, 1, 3, dtype=torch.bool))],
        ),
        "sdpa-causal-dynamic": case(
            lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True),
            r(2, 2, 5, 8),
            r(2, 2, 7, 8),
            dynamic=[{0: "batch", 2: "queries"}, {0: "batch", 2: "keys"}],
            more=[(r(1, 2, 7, 8), r(1, 2, 3, 8)), (r(1, 2, 1, 8), r(1, 2, 1, 8))],
        ),
        "sdpa-gqa-dynamic": case(
            lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True, enable_gqa=True),
            r(2, 4, 5, 8),
            r(2, 2, 5, 8),
            dynamic=[{0: "batch", 2: "length"}, {0: "batch", 2: "length"}],
            more=[(r(1, 4, 1, 8), r(1, 2, 1, 8)), (r(3, 4, 9, 8), r(3, 2, 9, 8))],
        ),
        "sdpa-scale": case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.1),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 6),
        ),
        "sdpa-3d": case(lambda q, k, v: F.scaled_dot_product_attention(q, k, v), r(3, 5, 8), r(3, 7, 8), r(3, 7, 8)),
        "sdpa-3d-mask": case(
            lambda q, k, v, m: (
                F.scaled_dot_product_attention(q, k, v, attn_mask=m),
                F.scaled_dot_product_attention(q, k, v, attn_mask=m[0]),
            ),
            r(3, 5, 8),
            r(3, 7, 8),
            r(3, 7, 8),
            r(3, 5, 7),
        ),
        "sdpa-2d": case(lambda q, k: F.scaled_dot_product_attention(q, k, k), r(5, 8), r(7, 8)),
        "sdpa-5d": case(lambda q, k: F.scaled_dot_product_attention(q, k, k), r(2, 2, 3, 5, 8), r(2, 2, 3, 7, 8)),
        "sdpa-gqa": case(
            lambda q, k: F.scaled_dot_product_attention(q, k, k, enable_gqa=True),
            r(2, 4, 5, 8),
            r(2, 2, 7, 8),
        ),
        "sdpa-dynamic": case(
            lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
            r(2, 3, 5, 8),
            r(2, 3, 7, 8),
            r(2, 3, 7, 8),
            dynamic=[{0: "batch", 2: "queries"}, {0: "batch", 2: "keys"}, {0: "batch", 2: "keys"}],
            more=[
                (r(1, 3, 1, 8), r(1, 3, 9, 8), r(1, 3, 9, 8)),
                (r(0, 3, 2, 8), r(0, 3, 9, 8), r(0, 3, 9, 8)),
            ],
        ),
        "sdpa-double": case(
            lambda q, k: F.scaled_dot_product_attention(q, k, k),
            r(1, 2, 5, 8).double(),
            r(1, 2, 7, 8).double(),
        ),
        "multihead": case(
            lambda s, a, b: (s.m(a, a, a, need_weights=False)[0], s.m(a, b, b)),
            r(2, 5, 8),
            r(2, 7, 8),
            m=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        "multihead-mask": case(
            lambda s, a, m: s.m(a, a, a, key_padding_mask=m)[0],
            r(2, 5, 8),
            torch.arange(5).expand(2, 5) > 3,
            m=nn.MultiheadAttention(8, 2, batch_first=True),
        ),
        "encoder": case(
            lambda s, a: s.e(a),
            r(2, 5, 8),
            dynamic=[{0: "batch", 1: "length"}],
            more=[(r(1, 9, 8),)],
            e=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
            tolerance=1e-5,
        ),
        "decoder": case(
            lambda s, a, b: s.e(a, b, tgt_is_causal=True, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5)),
            r(2, 5, 8),
            r(2, 7, 8),
            e=nn.TransformerDecoderLayer(8, 2, 16, batch_first=True),
        ),
        # recurrent
        "lstm": case(lambda s, a: s.m(a), r(2, 5, 3), m=nn.LSTM(3, 4, batch_first=True)),
        "lstm-layers": case(
            lambda s, a, h, c: s.m(a, (h, c)),
            r(5, 2, 3),
            r(4, 2, 4),
            r(4, 2, 4),
            m=nn.LSTM(3, 4, num_layers=2, bidirectional=True),
        ),
        "lstm-no-bias": case(lambda s, a: s.m(a)[0][:, -1], r(2, 5, 3), m=nn.LSTM(3, 4, batch_first=True, bias=False)),
        "layers-of-any-length": case(
            lambda s, a, h: (
                torch.ops.adaptc.lstm(a, h, h * 2, list(s.m._flat_weights), True, 1, False, True),
                *[
                    torch.ops.adaptc.rnn(kind, a, h, list(m._flat_weights), True, 1, False, True)
                    for kind, m in (("gru", s.gru), ("rnn_tanh", s.rnn), ("rnn_relu", s.rnn))
                ],
            ),
            r(2, 5, 3),
            r(1, 2, 4),
            m=nn.LSTM(3, 4, batch_first=True),
            gru=nn.GRU(3, 4, batch_first=True),
            rnn=nn.RNN(3, 4, batch_first=True),
        ),
        "lstm-unbatched": case(lambda s, a: s.m(a), r(5, 3), m=nn.LSTM(3, 4)),
        "lstm-dynamic": case(
            lambda s, a: s.m(a),
            r(2, 5, 3),
            dynamic=[_B],
            more=[(r(3, 5, 3),), (r(1, 5, 3),)],
            m=nn.LSTM(3, 4, batch_first=True),
        ),
        "gru": case(lambda s, a: s.m(a), r(2, 5, 3), m=nn.GRU(3, 4, batch_first=True)),
        "gru-layers": case(
            lambda s, a, h: s.m(a, h),
            r(5, 2, 3),
            r(4, 2, 4),
            m=nn.GRU(3, 4, num_layers=2, bidirectional=True),
        ),
        "gru-no-bias": case(lambda s, a: s.m(a), r(5, 2, 3), m=nn.GRU(3, 4, bias=False)),
        "rnn": case(lambda s, a: s.m(a), r(2, 5, 3), m=nn.RNN(3, 4, batch_first=True)),
        "rnn-relu": case(
            lambda s, a: s.m(a),
            r(5, 2, 3),
            m=nn.RNN(3, 4, nonlinearity="relu", num_layers=2, bidirectional=True),
        ),
        "rnn-dynamic": case(
            lambda s, a: s.m(a),
            r(2, 5, 3),
            dynamic=[_B],
            more=[(r(3, 5, 3),), (r(1, 5, 3),)],
            m=nn.RNN(3, 4, batch_first=True),
        ),
        "cells": case(
            lambda s, a, h, c: (s.l(a, (h, c)), s.g(a, h), s.r(a, h)),
            x,
            r(2, 3),
            r(2, 3),
            l=nn.LSTMCell(4, 3),
            g=nn.GRUCell(4, 3),
            r=nn.RNNCell(4, 3),
        ),
        # complex inside
        "fft": case(
            lambda a: (
                torch.fft.rfft(a).abs(),
                torch.fft.irfft(torch.fft.rfft(a), n=8),
                torch.fft.fft(a).real,
            ),
            r(2, 8),
            tolerance=1e-4,
        ),
        "fft2": case(
            lambda s, a: torch.fft.irfft2(
                torch.fft.rfft2(a, norm="ortho") * torch.view_as_complex(s.p.weight.view(8, 5, 2)),
                s=(8, 8),
                norm="ortho",
            ),
            r(2, 8, 8),
            p=nn.Linear(10, 8),
            tolerance=1e-4,
        ),
        "rotary": case(
            lambda a, p: torch.view_as_real(
                torch.view_as_complex(a.view(2, 4, 2)) * torch.polar(torch.ones_like(p), p)
            ).flatten(1),
            r(2, 8),
            r(2, 4),
        ),
    }
    return table


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(channels)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_(_random(channels))
    norm.running_var.copy_(_random(channels).abs() + 0.5)
    return norm


def _store_slice(a: Tensor) -> Tensor:
    a = a.clone()
    a[:, 1:3] = 7.0
    a[0] += 1
    return a


def _store_view(a: Tensor) -> tuple[Tensor, Tensor]:
    a = a.clone()
    b = a.t()
    b[1].zero_()
    a.view(-1)[0] = 3.0
    return a, b


def _index_put(a: Tensor, i: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    a = a.clone()
    a[i] = v
    b = a.clone()
    b[:, i[:1]] = 2.0
    return a, b


def _mask_put(a: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    a = a.clone()
    a[m] = 4.0
    b = a.clone()
    b[b > 1] *= 0.5
    return a, b


def _empty_row(q: Tensor, k: Tensor) -> Tensor:
    mask = torch.tensor([[True, False, True], [False, False, False], [True, True, True]])
    return F.scaled_dot_product_attention(q, k, k, attn_mask=mask)
