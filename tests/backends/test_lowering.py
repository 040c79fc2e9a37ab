"""What a lowered code looks like, what ONNX Runtime makes of it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx
import onnx_ir as ir
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from adaptc.compiler.backends.onnx.lower import LOC, lower
from adaptc.compiler.errors import CompileError

from .building import bound, code_of, run, session_of
from .operators import Apply


def lowered(function: Any, *inputs: Any, dynamic: Any = None, **modules: Any) -> ir.Model:
    return lower(code_of(Apply(function, **modules).eval(), inputs, dynamic)[0])


def operators(model: ir.Model) -> list[str]:
    return [node.op_type for node in model.graph]


def test_inputs_and_weights_are_inputs_in_order() -> None:
    model = lowered(lambda s, a, b: s.l(a) + b, torch.ones(2, 4), torch.ones(3), l=nn.Linear(4, 3))
    shapes = [tuple(value.shape or ()) for value in model.graph.inputs]
    assert shapes == [(2, 4), (3,), (3, 4), (3,)]
    assert operators(model) == ["Gemm", "Add"]


def test_every_node_carries_its_line() -> None:
    code, _ = code_of(Apply(lambda a: F.gelu(a * 2).sum(1).topk(2)), (torch.ones(3, 4, 5),))
    for line, node in enumerate(code.graph.graph.nodes, 1):
        node.meta["loc"] = f"net.py:{line}"
    locs = [node.metadata_props[LOC] for node in lower(code).graph]
    assert len(locs) >= 4
    assert locs == sorted(locs, key=lambda loc: int(loc.split(":")[1]))
    assert len(set(locs)) == 4


def test_dimensions_have_the_names_of_the_code() -> None:
    model = lowered(
        lambda a, b: torch.cat([a, b], 1),
        torch.ones(2, 3),
        torch.ones(2, 5),
        dynamic=[{0: "batch", 1: "past"}, {0: "batch", 1: "new"}],
    )
    shapes = [[str(dim) for dim in value.shape or ()] for value in (*model.graph.inputs, *model.graph.outputs)]
    assert shapes[0] == ["batch", "past"]
    assert shapes[1] == ["batch", "new"]
    assert shapes[2][0] == "batch"


def test_passed_through_and_repeated_outputs_are_copies() -> None:
    model = lowered(lambda a: (lambda b: (a, b, b, a))(a + 1), torch.ones(2))
    outputs = [value.name for value in model.graph.outputs]
    assert len(set(outputs)) == 4
    assert not set(outputs) & {value.name for value in model.graph.inputs}


def test_large_constants_stay_out_of_the_unit() -> None:
    model = lowered(lambda a: a + torch.ones(300, 300).tril(), torch.ones(300, 300))
    assert len(ir.serde.serialize_model(model).SerializeToString()) < 4000


def test_types_at_the_border() -> None:
    model = lowered(
        lambda a, b, c: (a + 1, b + 1, c + 1),
        torch.ones(2, dtype=torch.bfloat16),
        torch.ones(2, dtype=torch.float16),
        torch.ones(2, dtype=torch.uint8),
    )
    border = [ir.DataType.FLOAT, ir.DataType.FLOAT16, ir.DataType.UINT8]
    assert [value.dtype for value in model.graph.inputs] == border
    assert [value.dtype for value in model.graph.outputs] == border


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("number", [0.31, 1.7, 30000.0])
def test_numbers_round_as_on_eager_cpu(dtype: torch.dtype, number: float) -> None:
    x = torch.linspace(-3, 3, 1000).to(dtype)

    def function(a: Tensor) -> tuple[Tensor, ...]:
        return a * number, a + number, a / number, a - number, number / (a.abs() + 1), a > number

    code, _ = code_of(Apply(function), (x,))
    for result, value in zip(run(session_of(bound(lower(code), [])), (x,)), function(x), strict=True):
        expected = value.float() if dtype is torch.bfloat16 else value
        assert torch.equal(torch.from_numpy(result), expected)


FUSIONS = {
    "conv-bn-relu": (
        lambda s, a: F.relu(s.b(s.c(a))),
        torch.randn(1, 3, 8, 8),
        {"c": nn.Conv2d(3, 16, 3, bias=False), "b": nn.BatchNorm2d(16)},
        {"Conv", "ReorderOutput"},
    ),
    "linear-relu": (lambda s, a: F.relu(s.l(a)), torch.randn(2, 8), {"l": nn.Linear(8, 8)}, {"FusedGemm"}),
    "linear-gelu": (
        lambda s, a: F.gelu(s.l(a)),
        torch.randn(2, 3, 8),
        {"l": nn.Linear(8, 8)},
        {"Reshape", "Gemm", "Gelu"},
    ),
    "add-layer-norm": (
        lambda s, a: s.n(s.l(a) + a),
        torch.randn(2, 3, 8),
        {"l": nn.Linear(8, 8), "n": nn.LayerNorm(8)},
        {"Reshape", "Gemm", "SkipLayerNormalization"},
    ),
    "rms-norm": (lambda s, a: s.n(a), torch.randn(2, 8), {"n": nn.RMSNorm(8)}, {"RMSNormalization"}),
    "silu": (
        lambda s, a: F.silu(s.c(a)),
        torch.randn(1, 3, 8, 8),
        {"c": nn.Conv2d(3, 16, 3)},
        {"Conv", "QuickGelu", "ReorderOutput"},
    ),
    "attention": (
        lambda s, a: F.scaled_dot_product_attention(a, a, a),
        torch.randn(1, 2, 5, 8),
        {"l": nn.Linear(1, 1)},
        {"Attention"},
    ),
    "dynamic-attention": (
        lambda s, a: F.scaled_dot_product_attention(a, a, a),
        torch.randn(3, 2, 5, 8),
        {"l": nn.Linear(1, 1)},
        {"FusedMatMul", "Softmax", "MatMul"},
    ),
    "adaptive-pool": (
        lambda s, a: F.adaptive_avg_pool2d(a, (2, 5)),
        torch.randn(1, 4, 8, 10),
        {"l": nn.Linear(1, 1)},
        {"AveragePool"},
    ),
}


@pytest.mark.parametrize("name", FUSIONS)
def test_onnx_runtime_fuses(name: str, tmp_path: Path) -> None:
    function, example, modules, expected = FUSIONS[name]
    dynamic = [{0: "batch"}] if name.startswith("dynamic") else None
    code, weights = code_of(Apply(function, **modules).eval(), (example,), dynamic)
    optimized = str(tmp_path / "optimized.onnx")
    session_of(bound(lower(code), weights), optimized)
    assert {node.op_type for node in onnx.load(optimized).graph.node} == expected


def problems_of(function: Any, *inputs: Any, **modules: Any) -> str:
    with pytest.raises(CompileError) as caught:
        lowered(function, *inputs, **modules)
    return str(caught.value)


def test_all_untranslatable_operators_are_listed_with_their_lines() -> None:
    code, _ = code_of(Apply(lambda a: (a.cummax(0)[0] + 1, a.lgamma() * 2, torch.special.i1(a))), (torch.ones(3),))
    for line, node in enumerate(code.graph.graph.nodes, 1):
        node.meta["loc"] = f"net.py:{line}"
    with pytest.raises(CompileError) as caught:
        lower(code)
    found = [(problem.file, problem.line, problem.found.split()[1]) for problem in caught.value.problems]
    assert found == [
        ("net.py", 2, "aten.cummax.default"),
        ("net.py", 5, "prims.lgamma.default"),
        ("net.py", 7, "prims.bessel_i1.default"),
    ]


def test_random_numbers_are_refused() -> None:
    text = problems_of(lambda a: a + torch.rand(3), torch.ones(3))
    assert "aten.rand.default draws random numbers" in text
    assert "dropout.default draws" in problems_of(lambda a: F.dropout(a, 0.5, training=True), torch.ones(3))
    assert "draws" in problems_of(lambda a: torch.multinomial(a, 2), torch.ones(3))


def test_complex_tensors_cannot_cross_the_border() -> None:
    text = problems_of(lambda a: torch.fft.fft(a), torch.ones(4))
    assert "complex64" in text
    assert "model.py:7" in text


def test_indices_of_adaptive_max_pool_are_refused() -> None:
    def function(a: Tensor) -> Any:
        return F.adaptive_max_pool2d(a, 2, return_indices=True)

    assert "indices" in problems_of(function, torch.ones(1, 1, 4, 4))


def test_projected_lstm_is_refused() -> None:
    text = problems_of(lambda s, a: s.m(a), torch.ones(5, 2, 3), m=nn.LSTM(3, 4, proj_size=2))
    assert "proj_size" in text


def test_the_code_is_left_as_it_is() -> None:
    code, _ = code_of(Apply(lambda a: F.cosine_similarity(a, a.half().float())), (torch.ones(3, 4),))
    before = str(code.graph.graph)
    lower(code)
    assert str(code.graph.graph) == before
