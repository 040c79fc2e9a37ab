"""What is left out of a region's graph: conversions of host scalars, and what a graph around has computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adaptc.compiler.backends.onnx.graphs.naming import name_values
from adaptc.compiler.backends.onnx.graphs.scope import Scope
from adaptc.compiler.backends.onnx.graphs.sharing import share
from adaptc.compiler.backends.onnx.graphs.simplify import simplify, threshold

ORDERS: dict[str, Callable[[float, float], bool]] = {
    "Less": lambda a, b: a < b,
    "LessOrEqual": lambda a, b: a <= b,
    "Greater": lambda a, b: a > b,
    "GreaterOrEqual": lambda a, b: a >= b,
    "Equal": lambda a, b: a == b,
}
NUMBERS = [0.0, -0.0, 0.1, 0.5, 1 / 3, 1e-46, -1e-46, 1e300, -1e300, 3.4028235e38, float("inf"), float("nan")]


@pytest.mark.parametrize("operator", ORDERS)
@given(st.floats(width=32), st.floats() | st.floats(width=32) | st.sampled_from(NUMBERS))
def test_a_threshold_of_float32_decides_as_its_float64(operator: str, number: float, bound: float) -> None:
    found = threshold(bound, operator)
    if found is None:
        assert operator == "Equal"
        assert number != bound
        return
    assert found.dtype == np.float32
    for value in (np.float32(number), np.float32(bound) if abs(bound) < 1e38 else np.float32(number)):
        assert bool(ORDERS[operator](value, found)) is bool(ORDERS[operator](float(value), bound))


def test_numbers_beyond_float32_have_thresholds() -> None:
    assert threshold(1e300, "Less") == np.inf
    assert threshold(1e300, "Greater") == np.finfo(np.float32).max
    assert threshold(-1e300, "Greater") == -np.inf
    assert threshold(0.1, "Equal") is None


def test_a_test_of_a_read_is_one_comparison() -> None:
    """The dtype, the rank and the detour over an integer leave the graph."""
    scope = Scope()
    given_ = scope.input("p", ir.DataType.FLOAT, [1, 1])
    scalar = scope.apply("Reshape", [given_, scope.constant(np.zeros(0, np.int64))], ir.DataType.FLOAT)
    wide = scope.apply("Cast", [scalar], ir.DataType.DOUBLE, to=ir.DataType.DOUBLE.value)
    above = scope.apply("Greater", [wide, scope.constant(np.float64(0.1))], ir.DataType.BOOL)
    number = scope.apply("Cast", [above], ir.DataType.INT64, to=ir.DataType.INT64.value)
    test = scope.apply("Equal", [number, scope.constant(np.int64(1))], ir.DataType.BOOL)
    graph = scope.graph("net", [given_], [choice(scope, test)])
    simplify(graph)
    assert operators(graph) == Counter(Greater=1, If=1, Constant=3)
    run = session(graph)
    for value in (0.1, np.nextafter(np.float32(0.1), np.float32(0)), np.nextafter(np.float32(0.1), np.float32(1)), 2):
        array = np.full((1, 1), value, np.float32)
        assert run(p=array) == (1 if float(array[0, 0]) > 0.1 else 0)


def test_a_number_that_is_read_elsewhere_keeps_its_rank() -> None:
    scope = Scope()
    given_ = scope.input("p", ir.DataType.FLOAT, [1, 1])
    scalar = scope.apply("Reshape", [given_, scope.constant(np.zeros(0, np.int64))], ir.DataType.FLOAT)
    above = scope.apply("Greater", [scalar, scope.constant(np.float32(0.5))], ir.DataType.BOOL)
    graph = scope.graph("net", [given_], [above, choice(scope, above)])
    simplify(graph)
    assert operators(graph)["Reshape"] == 1


@pytest.mark.parametrize(("constant", "left"), [(1, Counter(Less=1)), (0, Counter(Less=1, Not=1)), (2, None)])
def test_booleans_compared_as_numbers(constant: int, left: Counter[str] | None) -> None:
    scope = Scope()
    given_ = scope.input("p", ir.DataType.FLOAT, ())
    below = scope.apply("Less", [given_, scope.constant(np.float32(0.5))], ir.DataType.BOOL)
    number = scope.apply("Cast", [below], ir.DataType.INT64, to=ir.DataType.INT64.value)
    test = scope.apply("Equal", [scope.constant(np.int64(constant)), number], ir.DataType.BOOL)
    graph = scope.graph("net", [given_], [test])
    simplify(graph)
    found = operators(graph)
    del found["Constant"]
    assert found == (left or Counter(Less=1, Cast=1, Equal=1))
    run = session(graph)
    assert [bool(run(p=np.array(value, np.float32))) for value in (0, 1)] == [constant == 1, constant == 0]


@pytest.mark.parametrize("dtype", [ir.DataType.BOOL, ir.DataType.FLOAT])
def test_a_number_with_dimensions_gives_them_to_a_comparison(dtype: ir.DataType) -> None:
    """Broadcasting with [1, 1, 1] makes a matrix a tensor of rank 3: such a comparison stays."""
    scope = Scope()
    given_ = scope.input("p", dtype, [2, 3])
    wide = ir.DataType.INT64 if dtype == ir.DataType.BOOL else ir.DataType.DOUBLE
    bound = scope.constant(np.ones((1, 1, 1), wide.numpy()))
    cast = scope.apply("Cast", [given_], wide, [2, 3], to=wide.value)
    graph = scope.graph("net", [given_], [scope.apply("Equal", [cast, bound], ir.DataType.BOOL, [1, 2, 3])])
    simplify(graph)
    assert operators(graph) == Counter(Constant=1, Cast=1, Equal=1)
    array = np.array([[0, 1, 0], [1, 1, 0]], dtype.numpy())
    np.testing.assert_array_equal(session(graph)(p=array), array[None] == 1)


def test_casts_there_and_back_that_lose_something_stay() -> None:
    scope = Scope()
    given_ = scope.input("p", ir.DataType.DOUBLE, ())
    narrow = scope.apply("Cast", [given_], ir.DataType.FLOAT, to=ir.DataType.FLOAT.value)
    graph = scope.graph(
        "net", [given_], [scope.apply("Cast", [narrow], ir.DataType.DOUBLE, to=ir.DataType.DOUBLE.value)]
    )
    simplify(graph)
    assert operators(graph) == Counter(Cast=2)


def test_an_arm_takes_from_outside_what_was_computed_there() -> None:
    scope = Scope()
    given_ = scope.input("p", ir.DataType.FLOAT, [4])
    weight, same = (scope.apply("Constant", [], ir.DataType.FLOAT, [4]) for _ in range(2))
    outer = scope.apply("Mul", [given_, weight], ir.DataType.FLOAT, [4])
    arms = Scope(scope), Scope(scope)
    inner = arms[0].apply("Mul", [given_, same], ir.DataType.FLOAT, [4])
    random = [arm.apply("RandomNormalLike", [given_], ir.DataType.FLOAT, [4]) for arm in (scope, arms[1])]
    results = [
        arms[0].apply("Neg", [inner], ir.DataType.FLOAT, [4]),
        arms[1].apply("Neg", [random[1]], ir.DataType.FLOAT),
    ]
    graphs = [
        ir.AttrGraph(name, arm.graph(name, [], [result]))
        for name, arm, result in zip(("then_branch", "else_branch"), arms, results)
    ]
    test = scope.apply("Equal", [given_, random[0]], ir.DataType.BOOL)
    chosen = scope.node("If", [test], graphs, 1, "").outputs[0]
    graph = scope.graph("net", [given_], [chosen, scope.apply("Add", [outer, outer], ir.DataType.FLOAT)])
    share(graph, {weight: 7, same: 7})
    assert results[0].producer().inputs[0] is outer  # type: ignore[union-attr]
    assert operators(graph)["Mul"] == 1
    assert operators(graph)["RandomNormalLike"] == 2


def choice(scope: Scope, test: ir.Value) -> ir.Value:
    """1 where `test` is true, else 0."""
    graphs = []
    for name, number in (("then_branch", 1), ("else_branch", 0)):
        arm = Scope(scope)
        graphs.append(ir.AttrGraph(name, arm.graph(name, [], [arm.constant(np.int64(number))])))
    result = scope.node("If", [test], graphs, 1, "").outputs[0]
    result.type, result.shape = ir.TensorType(ir.DataType.INT64), ir.Shape(())
    return result


def operators(graph: ir.Graph) -> Counter[str]:
    return Counter(node.op_type for node in graph.all_nodes())


def session(graph: ir.Graph) -> Callable[..., Any]:
    graph.opset_imports[""] = 20
    name_values(graph, [str(value.name) for value in graph.inputs])
    model = ir.to_proto(ir.Model(graph, ir_version=10))
    onnx.checker.check_model(model, full_check=True)
    opened = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda **arrays: opened.run(None, arrays)[0]


@pytest.mark.parametrize("behind", [False, True])
def test_what_both_arms_computed_of_their_part_is_handed_on(behind: bool) -> None:
    """The mean of an image that is changed or not: each arm has it already. What is computed behind the `If` comes too
    late for an arm."""
    scope = Scope()
    given_ = scope.input("p", ir.DataType.FLOAT, [2, 3])

    def mean(at: Scope, value: ir.Value) -> ir.Value:
        return at.apply("ReduceMean", [value], ir.DataType.FLOAT, [1, 1], keepdims=1)

    if not behind:
        mean(scope, given_)
    arms = Scope(scope), Scope(scope)
    changed = arms[0].apply("Neg", [given_], ir.DataType.FLOAT, [2, 3])
    inner = mean(arms[0], changed)
    results = [arms[0].apply("Mul", [changed, inner], ir.DataType.FLOAT, [2, 3])]
    means = [mean(arms[0], results[0])]
    results.append(arms[1].result(given_, []))
    graphs = [
        ir.AttrGraph(name, arm.graph(name, [], [result]))
        for name, arm, result in zip(("then_branch", "else_branch"), arms, results)
    ]
    total = scope.apply("ReduceSum", [given_], ir.DataType.FLOAT, keepdims=0)
    test = scope.apply("Greater", [total, scope.constant(np.float32(0))], ir.DataType.BOOL)
    chosen = scope.node("If", [test], graphs, 1, "").outputs[0]
    chosen.type, chosen.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([2, 3])
    if behind:
        mean(scope, given_)
    whole = mean(scope, chosen)
    graph = scope.graph("net", [given_], [scope.apply("Add", [whole, whole], ir.DataType.FLOAT, [1, 1])])
    before = operators(graph)["ReduceMean"]
    share(graph, {})
    assert operators(graph)["ReduceMean"] == before - (0 if behind else 1)
    assert means[0].is_graph_output() is not behind
    run = session(graph)
    for sign in (1, -1):
        x = sign * np.arange(6, dtype=np.float32).reshape(2, 3)
        expected = -x * np.mean(-x) if sign == 1 else x
        np.testing.assert_allclose(run(p=x), [[2 * expected.mean()]], rtol=1e-6)
