"""Unit files: lowered once, bound to their weights, named as the network names things."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch.nn import functional as F

import adaptc.compiler.backends.onnx.units
from adaptc.compiler.backends.onnx.units import write_units
from adaptc.compiler.errors import CompileError
from adaptc.compiler.ir.host_types import SCALAR_DTYPES
from adaptc.compiler.ir.program import Code, Program, ScalarType, TensorType, Type
from adaptc.runtime.hostprogram import Const, Jump
from adaptc.runtime.manifest import TensorSpec, Unit, Weight

from ..ir.builder import INT, ProgramBuilder, edge, give, make_code, tensor
from ..ir.programs import SAMPLES, Sample, skip_gates


def written(program: Program, folder: Path, *progress: Any) -> tuple[list[Unit], list[Weight], dict[str, str]]:
    """The units, the rows of the weights file, and the units' names by block."""
    units = write_units(program, folder, *progress)
    return units.units, list(units.table.rows), units.block_units


def example(type_: Type, generator: torch.Generator) -> torch.Tensor:
    if isinstance(type_, ScalarType):
        return torch.tensor(2).to(SCALAR_DTYPES[type_.kind])
    shape = [3 if isinstance(dim, str) else dim for dim in type_.shape]
    return (torch.randn(shape, generator=generator) * 2).to(type_.dtype)


@pytest.mark.parametrize("make", SAMPLES)
def test_every_unit_computes_what_its_block_does(make: Callable[..., Sample], tmp_path: Path) -> None:
    program = make().program
    units, _, block_units = written(program, tmp_path)
    by_name = {unit.name: unit for unit in units}
    with_code = [block for block in program.blocks.values() if block.code is not None]
    assert set(block_units) == {block.name for block in with_code}
    for block in with_code:
        assert block.code is not None
        unit = by_name[block_units[block.name]]
        generator = torch.Generator().manual_seed(0)
        inputs = [example(type_, generator) for type_ in block.code.inputs]
        expected = block.code.graph(*inputs, *(program.weights[name] for name in block.weights))
        session = onnxruntime.InferenceSession(str(tmp_path / unit.file))
        feed = {spec.name: value.numpy() for spec, value in zip(unit.inputs, inputs, strict=True)}
        results = session.run([spec.name for spec in unit.outputs], feed)
        for spec, result, value in zip(unit.outputs, results, expected, strict=True):
            assert result.dtype.name == spec.dtype
            np.testing.assert_allclose(result, value.numpy(), rtol=1e-5, atol=1e-5)


def one_block(code: Code, weights: dict[str, torch.Tensor], *, blocks: Sequence[Sequence[str]] = ()) -> Program:
    """Blocks in a row that run `code`, each with the weights that `blocks` names (by default one with all)."""
    rows = list(blocks) or [list(weights)]
    builder = ProgramBuilder("chain", {"x": code.inputs[0]})  # type: ignore[dict-item]
    for index, names in enumerate(rows):
        last = index == len(rows) - 1
        builder.block(
            "entry" if index == 0 else f"block{index}",
            {"x": code.inputs[0]},
            give(("y", code.outputs[0])) if last else Jump(edge(f"block{index + 1}", "y")),
            code=code,
            inputs=["x"],
            weights=names,
            outputs=["y"],
        )
    builder.weights = weights
    return builder.build()


def run_unit(folder: Path, unit: Unit, *inputs: torch.Tensor) -> list[Any]:
    session = onnxruntime.InferenceSession(str(folder / unit.file))
    return list(session.run(None, {s.name: x.numpy() for s, x in zip(unit.inputs, inputs, strict=True)}))


def linear_code() -> Code:
    state = tensor(2, 4)
    return make_code("linear", lambda x, w, b: (F.linear(x, w, b),), [state], [tensor(4, 4), tensor(4)])


def test_units_carry_the_names_of_the_network(tmp_path: Path) -> None:
    weights = {"head.weight": torch.randn(4, 4), "head.bias": torch.randn(4)}
    (unit,), rows, _ = written(one_block(linear_code(), weights), tmp_path)
    graph = onnx.load(tmp_path / unit.file, load_external_data=False).graph
    assert [value.name for value in graph.input] == ["x"]
    assert [value.name for value in graph.output] == ["y"]
    assert {value.name for value in graph.initializer} == set(weights)
    assert {value.data_location for value in graph.initializer} == {onnx.TensorProto.EXTERNAL}
    assert unit.weights == ("head.weight", "head.bias")
    assert [row.names for row in rows] == [("head.weight",), ("head.bias",)]
    assert (tmp_path / unit.file).stat().st_size < 1500


def test_equal_codes_are_lowered_once_and_equal_blocks_share_a_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered = []
    real = adaptc.compiler.backends.onnx.units.lower
    monkeypatch.setattr(
        adaptc.compiler.backends.onnx.units, "lower", lambda code: (lowered.append(code), real(code))[1]
    )
    w1, b = torch.randn(4, 4), torch.randn(4)
    weights = {"w1": w1, "w2": torch.randn(4, 4), "b": b, "tied": w1.clone()}
    blocks = [["w1", "b"], ["w2", "b"], ["w1", "b"], ["tied", "b"]]
    units, rows, block_units = written(one_block(linear_code(), weights, blocks=blocks), tmp_path)
    assert len(lowered) == 1
    assert len(units) == 2
    assert len(rows) == 3
    names = [block_units[name] for name in ("entry", "block1", "block2", "block3")]
    assert names == [units[0].name, units[1].name, units[0].name, units[0].name]
    x = torch.randn(2, 4)
    for unit, weight in zip(units, ("w1", "w2"), strict=True):
        expected = F.linear(x, weights[weight], b).numpy()
        np.testing.assert_allclose(run_unit(tmp_path, unit, x)[0], expected, rtol=1e-5, atol=1e-6)


def test_one_weight_under_two_names_in_a_block(tmp_path: Path) -> None:
    square = tensor(4, 4)
    code = make_code("twice", lambda x, a, b: (x @ a @ b,), [square], [square, square])
    one = torch.randn(4, 4)
    (unit,), rows, _ = written(one_block(code, {"encoder": one, "decoder": one.clone()}), tmp_path)
    assert [row.names for row in rows] == [("encoder", "decoder")]
    x = torch.randn(4, 4)
    np.testing.assert_allclose(run_unit(tmp_path, unit, x)[0], (x @ one @ one).numpy(), rtol=1e-4, atol=1e-5)


def test_weights_that_no_unit_reads_are_left_out(tmp_path: Path) -> None:
    code = make_code("half", lambda x, a, b: (x + a,), [tensor(4)], [tensor(4), tensor(4)])
    (unit,), rows, _ = written(one_block(code, {"a": torch.ones(4), "b": torch.zeros(4)}), tmp_path)
    assert [row.names for row in rows] == [("a",)]
    assert unit.weights == ("a",)


WEIGHT_TYPES = [
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
]


@pytest.mark.parametrize("dtype", WEIGHT_TYPES)
@pytest.mark.parametrize("count", [1, 3, 40001])
def test_weights_of_every_type(dtype: torch.dtype, count: int, tmp_path: Path) -> None:
    """An odd number of bytes before it puts the tensor at an odd offset, if its type allows."""
    one, odd = TensorType(dtype, (count,)), tensor(3, dtype=torch.uint8)
    code = make_code("sum", lambda x, w, o: (w.to(torch.float64) + x + o.sum(),), [tensor(1)], [one, odd])
    weight = (torch.arange(count) % 100).to(dtype)
    program = one_block(code, {"w": weight, "odd": torch.tensor([1, 2, 3], dtype=torch.uint8)})
    (unit,), _, _ = written(program, tmp_path)
    expected = weight.double() + 1.5 + 6
    assert torch.equal(torch.from_numpy(run_unit(tmp_path, unit, torch.tensor([1.5]))[0]), expected)


def test_a_weight_is_an_output_and_one_has_no_elements(tmp_path: Path) -> None:
    code = make_code("odd", lambda x, w, e: (torch.cat([x, e]), w, w), [tensor(2, 3)], [tensor(4), tensor(0, 3)])
    builder = ProgramBuilder("odd", {"x": tensor(2, 3)})
    builder.weights = {"w": torch.randn(4), "empty": torch.zeros(0, 3)}
    builder.block(
        "entry",
        {"x": tensor(2, 3)},
        give(("y", tensor(2, 3))),
        code=code,
        inputs=["x"],
        weights=["w", "empty"],
        outputs=["y", "y_2", "y"],
    )
    program = builder.build()
    (unit,), _, _ = written(program, tmp_path)
    assert [spec.name for spec in unit.outputs] == ["y", "y_2", "y_3"]
    results = run_unit(tmp_path, unit, torch.ones(2, 3))
    assert [result.shape for result in results] == [(2, 3), (4,), (4,)]
    np.testing.assert_array_equal(results[1], program.weights["w"].numpy())
    np.testing.assert_array_equal(results[2], program.weights["w"].numpy())


def test_bfloat16_crosses_the_border_as_float32(tmp_path: Path) -> None:
    state = tensor(3, dtype=torch.bfloat16)
    code = make_code("scale", lambda x, w: (x * w,), [state], [state])
    weight = torch.tensor([1.5, 0.3, -7.0]).bfloat16()
    (unit,), rows, _ = written(one_block(code, {"w": weight}), tmp_path)
    assert unit.inputs == (TensorSpec("x", "float32", (3,)),)
    assert unit.outputs == (TensorSpec("y", "float32", (3,)),)
    assert rows[0].dtype == "bfloat16"
    x = torch.tensor([0.1, 0.2, 0.3]).bfloat16()
    assert torch.equal(torch.from_numpy(run_unit(tmp_path, unit, x.float())[0]), (x * weight).float())


def test_dimensions_and_scalars_in_the_specs(tmp_path: Path) -> None:
    code = make_code("grow", lambda x, n: (torch.cat([x, x * n]),), [tensor("rows", 2), INT], [])
    code.outputs = (tensor("2*rows", 2),)
    builder = ProgramBuilder("grow", {"x": tensor("batch", 2)})
    builder.block(
        "entry",
        {"x": tensor("batch", 2)},
        Jump(edge("run", "x", Const(3))),
    )
    builder.block(
        "run",
        {"x": tensor("batch", 2), "n": INT},
        give(("y", tensor("2*batch", 2))),
        code=code,
        inputs=["x", "n"],
        outputs=["y"],
    )
    (unit,), _, _ = written(builder.build(), tmp_path)
    assert unit.inputs == (TensorSpec("x", "float32", ("batch", 2)), TensorSpec("n", "int64", ()))
    assert unit.outputs[0].shape == ("2*batch", 2)
    declared = onnxruntime.InferenceSession(str(tmp_path / unit.file)).get_inputs()
    assert declared[0].shape == ["batch", 2]


def test_names_of_files_suit_every_system(tmp_path: Path) -> None:
    program = one_block(linear_code(), {"w": torch.ones(4, 4), "b": torch.ones(4)})
    block = program.blocks.pop("entry")
    block.name = "forward:if 12/else"
    program.blocks[block.name], program.entry = block, block.name
    (unit,), _, block_units = written(program, tmp_path)
    assert unit.file == "units/forward_if_12_else.onnx"
    assert block_units == {"forward:if 12/else": "forward_if_12_else"}


def test_a_net_of_54_gates(tmp_path: Path) -> None:
    program = skip_gates(54).program
    steps: list[tuple[str, int, int]] = []
    units, rows, block_units = written(program, tmp_path, lambda *step: steps.append(step))
    with_code = [block for block in program.blocks.values() if block.code is not None]
    assert len(block_units) == len(with_code) > 100
    assert len(units) <= len(with_code)
    used = {name for block in with_code for name in block.weights}
    distinct = sum(value.nbytes for value in (program.weights[name] for name in used))
    assert (tmp_path / "units" / "weights.bin").stat().st_size <= 1.02 * distinct
    assert sum(row.size for row in rows) <= distinct
    assert [stage for stage, done, total in steps if done == total] == ["lowering", "weights", "units"]


def test_problems_of_all_blocks_come_at_once(tmp_path: Path) -> None:
    builder = ProgramBuilder("bad", {"x": tensor(4)})
    functions = (torch.lgamma, torch.sin, torch.special.bessel_j0)
    for index, function in enumerate(functions):
        builder.block(
            "entry" if index == 0 else f"b{index}",
            {"x": tensor(4)},
            give(("y", tensor(4))) if index == 2 else Jump(edge(f"b{index + 1}", "y")),
            code=make_code(f"c{index}", lambda x, f=function: (f(x),), [tensor(4)], line=20 + index),
            inputs=["x"],
            outputs=["y"],
        )
    with pytest.raises(CompileError) as caught:
        write_units(builder.build(), tmp_path)
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [("model.py", 20), ("model.py", 22)]


def test_missing_kernels_are_problems_of_their_lines(tmp_path: Path) -> None:
    image, kernel = tensor(1, 1, 4, 4, dtype=torch.float64), tensor(1, 1, 3, 3, dtype=torch.float64)
    code = make_code("conv", lambda x, w: (F.conv2d(x, w, padding=1),), [image], [kernel], line=31)
    with pytest.raises(CompileError) as caught:
        write_units(one_block(code, {"w": torch.ones(1, 1, 3, 3).double()}), tmp_path)
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("model.py", 31)
    assert problem.found == "ONNX Runtime has no CPU kernel for Conv on double"


def test_onnx_runtime_folds_weights_that_lie_in_the_file(tmp_path: Path) -> None:
    def function(x: torch.Tensor, w: torch.Tensor, *norm: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (F.relu(F.batch_norm(F.conv2d(x, w), norm[0], norm[1], norm[2], norm[3])),)

    image, vector = tensor(1, 3, 8, 8), tensor(16)
    code = make_code("conv", function, [image], [tensor(16, 3, 3, 3), vector, vector, vector, vector])
    weights = {"w": torch.randn(16, 3, 3, 3)}
    weights |= {name: torch.rand(16) + index for index, name in enumerate(("mean", "var", "scale", "shift"), 1)}
    (unit,), _, _ = written(one_block(code, weights), tmp_path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(str(tmp_path / unit.file), options)
    nodes = onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph.node
    assert [node.op_type for node in nodes] == ["Conv", "ReorderOutput"]


def test_a_single_integer_lies_in_the_unit(tmp_path: Path) -> None:
    """ONNX Runtime lets it share a tensor with the axes of the operator, which must not lie in another file."""

    code = make_code("axes", lambda x, zero: (x.unsqueeze(0) + zero,), [tensor(3)], [tensor(1, dtype=torch.int64)])
    (unit,), _, _ = written(one_block(code, {"zero": torch.zeros(1, dtype=torch.int64)}), tmp_path)
    graph = onnx.load(tmp_path / unit.file, load_external_data=False).graph
    assert all(value.data_location == onnx.TensorProto.DEFAULT for value in graph.initializer)
    assert run_unit(tmp_path, unit, torch.ones(3))[0].tolist() == [[1, 1, 1]]


def test_a_single_truth_lies_in_the_unit(tmp_path: Path) -> None:
    """ONNX Runtime looks for the file of a test that is always the same in the folder in which the process works."""
    code = make_code("test", lambda x, go: (torch.where(go, x, -x),), [tensor(3)], [tensor(dtype=torch.bool)])
    (unit,), _, _ = written(one_block(code, {"go": torch.tensor(True)}), tmp_path)
    graph = onnx.load(tmp_path / unit.file, load_external_data=False).graph
    assert all(value.data_location == onnx.TensorProto.DEFAULT for value in graph.initializer)
    assert run_unit(tmp_path, unit, torch.ones(3))[0].tolist() == [1, 1, 1]
