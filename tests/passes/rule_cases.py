"""For each rule small code in which it applies and code in which it does not, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from adaptc.compiler.ir.program import Program, TensorType

from ..ir.builder import ProgramBuilder, give, make_code, tensor

aten = torch.ops.aten
ROWS, TOKENS, IMAGE = tensor(2, 4), tensor(2, 3, 4), tensor(1, 4, 2, 2)
ANY_BATCH = tensor("batch", 3, 4)
SQUARE, VECTOR = tensor(4, 4), tensor(4)

Function = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True)
class RuleCase:
    """Code to run `passes` on: `weights` follow the one input. `reason` says why the last pass does not apply."""

    passes: str
    function: Function
    input: TensorType
    weights: Sequence[TensorType] = ()
    reason: str = ""

    def program(self) -> Program:
        """The program: one block, its weights drawn at random."""
        code = make_code("code", self.function, [self.input], self.weights)
        outputs = [f"y{number}" for number in range(len(code.outputs))]
        builder = ProgramBuilder("net", {"x": self.input})
        generator = torch.Generator().manual_seed(0)
        names = []
        for number, type_ in enumerate(self.weights):
            shape = [extent for extent in type_.shape if isinstance(extent, int)]
            names.append(builder.weight(f"w{number}", torch.rand(shape, generator=generator) + 0.5))
        returned = zip(outputs, code.outputs, strict=True)
        builder.block(
            "entry", {"x": self.input}, give(*returned), code=code, inputs=["x"], weights=names, outputs=outputs
        )
        return builder.build()

    def inputs(self) -> tuple[Tensor, ...]:
        """The one input, drawn at random."""
        shape = [extent if isinstance(extent, int) else 5 for extent in self.input.shape]
        return (torch.randn(shape, generator=torch.Generator().manual_seed(1)),)


def _normalised(y: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    return aten._native_batch_norm_legit_no_training(y, gamma, beta, mean, var, 0.1, 1e-5)[0]


def _packed(x: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    parts = functional.linear(x, w).unflatten(-1, (3, 2)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
    return parts[0], parts[2]


def _feed_forward(x: Tensor, v: Tensor, w: Tensor) -> tuple[Tensor, ...]:
    y = functional.linear(functional.gelu(functional.linear(x, v)), w)
    return (functional.layer_norm(x.exp() + y, (4,))[:, 0],)


RULES: dict[str, RuleCase] = {
    "rule_linear_batch_norm": RuleCase(
        "linear-batch-norm,fold-weights",
        lambda x, w, b, *norm: (_normalised(functional.linear(x, w, b), *norm),),
        ROWS,
        [SQUARE] + [VECTOR] * 5,
    ),
    "rule_packed_projection": RuleCase("packed-projection", _packed, ANY_BATCH, [tensor(6, 4)]),
    "rule_flatten_pooled": RuleCase(
        "flatten-pooled", lambda x: (functional.adaptive_avg_pool2d(x, 1).view(1, 4),), IMAGE
    ),
    "rule_select_before_linear": RuleCase(
        "whole-slice,select-before-linear",
        lambda x, w, b: (functional.linear(x, w, b)[:, 0],),
        ANY_BATCH,
        [SQUARE, VECTOR],
    ),
    "rule_select_before_layer_norm": RuleCase(
        "select-before-layer-norm",
        lambda x, w, b: (functional.layer_norm(x, (4,), w, b)[:, -1],),
        TOKENS,
        [VECTOR, VECTOR],
    ),
    "rule_select_before_add": RuleCase("select-before-add", lambda x: ((x.exp() + x)[:, 1],), TOKENS),
    "rule_select_before_unary": RuleCase("select-before-unary{operator=tanh}", lambda x: (x.tanh()[:, 1],), TOKENS),
    "rules_together": RuleCase(
        "select-before-linear,select-before-layer-norm,select-before-add,select-before-unary",
        _feed_forward,
        TOKENS,
        [SQUARE, SQUARE],
    ),
    "fold_weights": RuleCase("fold-weights", lambda x, v, w: (x * (v + w).exp(), x - w), ROWS, [VECTOR, VECTOR]),
    "merge_equal_values": RuleCase(
        "merge-equal-values", lambda x: (x.exp() + x.exp().sum(), x.exp(), x.exp() + x.exp().sum()), ROWS
    ),
}

REFUSALS: dict[str, RuleCase] = {
    "a layer of tokens, whose features are not normalised": RuleCase(
        "linear-batch-norm",
        lambda x, w, b, *norm: (_normalised(functional.linear(x, w, b), *norm),),
        TOKENS,
        [SQUARE, VECTOR] + [tensor(3)] * 4,
        "the normalised dimension is not that of the features",
    ),
    "a weight that is read twice": RuleCase(
        "linear-batch-norm",
        lambda x, w, *norm: (_normalised(functional.linear(x, w), *norm), x + w[0]),
        ROWS,
        [SQUARE] + [VECTOR] * 4,
        "something else reads this weight too, so that both would be stored",
    ),
    "statistics of the batch itself": RuleCase(
        "linear-batch-norm",
        lambda x, w, g, b: (_normalised(functional.linear(x, w), g, b, x.mean(0), x.square().mean(0)),),
        ROWS,
        [SQUARE] + [VECTOR] * 2,
        "it depends on more than weights",
    ),
    "rows of an image that go too": RuleCase(
        "flatten-pooled",
        lambda x: (functional.adaptive_avg_pool2d(x, 1).view(2, 2),),
        IMAGE,
        (),
        "something else than the two dimensions of the image goes",
    ),
    "a slice of some rows": RuleCase(
        "whole-slice",
        lambda x: (x[:, 1:],),
        TOKENS,
        (),
        "argument 'start' of aten.slice.Tensor is 1 where the pattern has 0",
    ),
    "a feature of a layer": RuleCase(
        "select-before-linear",
        lambda x, w: (functional.linear(x, w)[:, :, 0],),
        TOKENS,
        [SQUARE],
        "a feature is selected, not a row",
    ),
    "a layer that the result shows whole": RuleCase(
        "select-before-linear",
        lambda x, w: ((y := functional.linear(x, w)), y[:, 0]),
        TOKENS,
        [SQUARE],
        "the code's result reads a value inside the match too",
    ),
    "a feature that is normalised": RuleCase(
        "select-before-layer-norm",
        lambda x: (functional.layer_norm(x, (3, 4))[:, 0],),
        TOKENS,
        (),
        "a part of what is normalised together is selected",
    ),
    "a sum with a vector": RuleCase(
        "select-before-add", lambda x, w: ((x + w)[:, 0],), TOKENS, [VECTOR], "one of the tensors is broadcast"
    ),
    "a sum of two inputs": RuleCase(
        "select-before-add",
        lambda x: ((x + x)[:, 0],),
        TOKENS,
        (),
        "both tensors are at hand: two selections cost more than an addition",
    ),
    "another function": RuleCase(
        "select-before-unary{operator=gelu}",
        lambda x: (x.tanh()[:, 0],),
        TOKENS,
        (),
        "aten.tanh stands where the pattern has aten.gelu",
    ),
    "projections of other dimensions": RuleCase(
        "packed-projection",
        lambda x: (
            aten.select.int(
                aten.clone(
                    aten.squeeze.dim(aten.transpose.int(aten.unsqueeze(x.view(3, 8), 0), 0, -2), -2),
                    memory_format=torch.contiguous_format,
                ),
                0,
                0,
            ),
        ),
        TOKENS,
        (),
        "it is not the last dimension alone that is taken apart",
    ),
}
