"""The kernels that are told from MLIR, beside those that ONNX Runtime executes."""

from __future__ import annotations

import onnx
import onnxruntime
import pytest
import torch
from torch import nn, rand
from torch.nn import functional

from adaptc.compiler.backends.onnx.units import write_units
from adaptc.compiler.driver import capture_program, optimise
from adaptc.compiler.ir.mlir import to_mlir
from adaptc.costmodel.features import features_of_text
from adaptc.costmodel.kernels.agreement import are_executed, counts
from adaptc.runtime.engines.channels import channels_in_a_block


class Layer(nn.Module):
    """Applies a function that takes the module's parts."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *given):
        return self.function(self, *given)


IMAGE, ROW, TOKENS = (1, 32, 16, 16), (1, 64), (1, 20, 64)
CASES = {
    "convolution": (IMAGE, lambda m, x: torch.relu(m.a(x)), {"a": lambda: nn.Conv2d(32, 64, 3, padding=1)}),
    "convolution-of-pixels": (
        (1, 3, 32, 32),
        lambda m, x: torch.relu(m.a(x)),
        {"a": lambda: nn.Conv2d(3, 64, 3, padding=1)},
    ),
    "convolution-of-odd-channels": (
        (1, 21, 8, 8),
        lambda m, x: torch.relu(m.a(x)),
        {"a": lambda: nn.Conv2d(21, 36, 3, padding=1)},
    ),
    "normalised-and-activated": (
        IMAGE,
        lambda m, x: functional.silu(m.b(m.a(x))),
        {"a": lambda: nn.Conv2d(32, 64, 3, bias=False), "b": lambda: nn.BatchNorm2d(64)},
    ),
    "residual-block": (
        IMAGE,
        lambda m, x: torch.relu(m.b(m.a(x)) + m.c(x)),
        {f"{name}": lambda: nn.Conv2d(32, 32, 3, padding=1) for name in "ac"} | {"b": lambda: nn.BatchNorm2d(32)},
    ),
    "block-on-its-input": (
        IMAGE,
        lambda m, x: torch.relu(m.a(x) + x),
        {"a": lambda: nn.Conv2d(32, 32, 3, padding=1)},
    ),
    "squeeze-and-excite": (
        IMAGE,
        lambda m, x: x * torch.sigmoid(m.b(torch.relu(m.a(x.mean((2, 3), keepdim=True))))),
        {"a": lambda: nn.Conv2d(32, 8, 1), "b": lambda: nn.Conv2d(8, 32, 1)},
    ),
    "pooled": (
        IMAGE,
        lambda m, x: functional.avg_pool2d(functional.max_pool2d(m.a(x), 2), 2),
        {"a": lambda: nn.Conv2d(32, 32, 3)},
    ),
    "joined": (IMAGE, lambda m, x: torch.cat([m.a(x), x], 1), {"a": lambda: nn.Conv2d(32, 32, 3, padding=1)}),
    "enlarged": (
        IMAGE,
        lambda m, x: functional.interpolate(m.a(x), scale_factor=2),
        {"a": lambda: nn.Conv2d(32, 32, 3)},
    ),
    "transposed": (IMAGE, lambda m, x: m.a(x), {"a": lambda: nn.ConvTranspose2d(32, 16, 2, stride=2)}),
    "group-norm": (
        IMAGE,
        lambda m, x: torch.relu(m.b(m.a(x))),
        {"a": lambda: nn.Conv2d(32, 32, 3), "b": lambda: nn.GroupNorm(4, 32)},
    ),
    "signal": ((1, 32, 100), lambda m, x: torch.relu(m.a(x)), {"a": lambda: nn.Conv1d(32, 64, 3, padding=1)}),
    "two-linear": (
        ROW,
        lambda m, x: m.b(torch.relu(m.a(x))),
        {"a": lambda: nn.Linear(64, 128), "b": lambda: nn.Linear(128, 10)},
    ),
    "feed-forward": (
        TOKENS,
        lambda m, x: m.n(x + m.b(functional.gelu(m.a(x)))),
        {"a": lambda: nn.Linear(64, 128), "b": lambda: nn.Linear(128, 64), "n": lambda: nn.LayerNorm(64)},
    ),
    "gated": (
        TOKENS,
        lambda m, x: functional.silu(m.a(x)) * m.b(x),
        {name: lambda: nn.Linear(64, 128, bias=False) for name in "ab"},
    ),
    "scores": (TOKENS, lambda m, x: torch.softmax(x @ x.transpose(1, 2) / 8, -1), {}),
    "confidence": (
        ROW,
        lambda m, x: torch.softmax(m.a(x), -1).max(-1),
        {"a": lambda: nn.Linear(64, 10)},
    ),
    "largest-two": (ROW, lambda m, x: torch.topk(torch.softmax(x, -1), 2), {}),
    "root-mean-square": (TOKENS, lambda m, x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6), {}),
    "cell": (ROW, lambda m, x: m.a(x, (x, x)), {"a": lambda: nn.LSTMCell(64, 64)}),
    "sequence": (TOKENS, lambda m, x: m.a(x)[0], {"a": lambda: nn.GRU(64, 32, 2, batch_first=True)}),
    "regrouped": (IMAGE, lambda m, x: functional.pixel_unshuffle(torch.tanh(x), 2) * 2, {}),
    "comparisons": (ROW, lambda m, x: torch.where(x > 0, x, x * 0.5).clamp(-1, 1), {}),
    "parts": (TOKENS, lambda m, x: torch.cat([part * 2 for part in x.chunk(2, -1)], 1) + x[:, :1, :32], {}),
    "spread": (TOKENS, lambda m, x: x.std(-1) + x.norm(dim=-1) + x.var((0, 1), correction=0).mean(), {}),
}


OPEN_CASES = {
    "layers": (TOKENS, lambda m, x: functional.gelu(m.a(x)) + m.b(x), {n: lambda: nn.Linear(64, 128) for n in "ab"}),
    "attention": (
        (1, 4, 20, 16),
        lambda m, x: functional.scaled_dot_product_attention(x, x.tanh(), x.relu()),
        {},
    ),
    "places": ((20, 64), lambda m, x: torch.where(x > 0.5), {}),
    "places-along-one-axis": ((20, 64), lambda m, x: torch.where(x > 0.5)[0], {}),
}
"""Cases whose third or first dimension may have any size."""


def built(name, folder, cases=CASES, dynamic=None):
    """The MLIR of a case, and the operators that ONNX Runtime executes for it."""
    shape, function, parts = cases[name]
    torch.manual_seed(0)
    module = Layer(function, **{key: make() for key, make in parts.items()}).eval()
    program, _ = capture_program(module, (rand(shape),), name="case", dynamic=dynamic or {})
    optimise(program)
    (unit,) = write_units(program, folder).units
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(folder / unit.file), options, providers=["CPUExecutionProvider"])
    executed = onnx.load(str(folder / "optimised.onnx"), load_external_data=False)
    return to_mlir(program, locations=False), [node.op_type for node in executed.graph.node]


@pytest.mark.parametrize("name", CASES)
def test_kernels_are_those_that_the_engine_executes(name, tmp_path):
    text, executed = built(name, tmp_path)
    (features,) = features_of_text(text, channels_in_a_block() or 8).values()
    assert not features.unknown
    assert counts(kernel.op for kernel in features.kernels if kernel.op) == counts(executed)
    assert are_executed(features.kernels, executed)
    assert not are_executed(features.kernels, executed[:-1])


@pytest.mark.parametrize(
    ("name", "axis"), [("layers", 1), ("attention", 2), ("places", 0), ("places-along-one-axis", 0)]
)
def test_kernels_of_open_sizes_are_those_that_the_engine_executes(name, axis, tmp_path):
    text, executed = built(name, tmp_path, OPEN_CASES, {"given[0]": {axis: "length"}})
    (features,) = features_of_text(text, channels_in_a_block() or 8).values()
    assert not features.unknown
    assert counts(kernel.op for kernel in features.kernels if kernel.op) == counts(executed)
    assert features.terms["memory.unplanned"] == len(executed)


def test_an_operator_in_a_form_that_is_not_known_is_named():
    kind = "!torch.vtensor<[1,8],f32>"
    lines = [f'%y = "torch.aten.softmax.int"(%x) : ({kind}) -> {kind}', f"func.return %y : {kind}"]
    (found,) = features_of_text("\n".join([f"func.func @unit(%x: {kind}) {{", *lines, "}"]), 8).values()
    assert found.unknown == {"softmax": 2}
    assert [kernel.kind for kernel in found.kernels] == ["unknown"]
