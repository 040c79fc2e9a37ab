"""Loaded artifacts: calls, traces, forced paths, samples, threads."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from adaptc.runtime import AdaptcError, EngineError, Executable, InputError, LoopError, NetworkError, Trace, load
from adaptc.runtime.engines import EngineOptions
from adaptc.runtime.engines.onnxruntime import OnnxRuntimeEngine
from adaptc.runtime.hostprogram import (
    Apply,
    Branch,
    Call,
    Const,
    Edge,
    HostBlock,
    HostProgram,
    Jump,
    Let,
    Raise,
    Read,
    Ref,
    Return,
    Size,
    Switch,
    ValueSpec,
)
from adaptc.runtime.manifest import Argument, TensorSpec
from adaptc.runtime.synthesis import host_function, host_source
from adaptc.runtime.tree import Leaf, ListNode, NamedTupleNode, RecordNode, Static, TupleNode

from .build import ArtifactBuilder, early_exit, early_exit_reference, rewrite

SURE = np.full((2, 4), 1.0, np.float32)
UNSURE = np.full((3, 4), 0.01, np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return early_exit(tmp_path_factory.mktemp("early") / "artifact")


@pytest.fixture(scope="module")
def executable(folder: Path) -> Executable:
    return load(folder)


def agrees(output: Any, x: np.ndarray[Any, Any]) -> None:
    logits, number, confidence = early_exit_reference(x)
    assert set(output) == {"logits", "exit"}
    np.testing.assert_allclose(output["logits"], logits, rtol=1e-5, atol=1e-6)
    assert output["exit"] == (number, pytest.approx(confidence, rel=1e-5))
    assert (type(output["exit"][0]), type(output["exit"][1])) == (int, float)


@pytest.mark.parametrize("x", [SURE, UNSURE, -SURE, SURE[:1]], ids=["sure", "unsure", "negative", "one row"])
def test_call(executable: Executable, x: np.ndarray[Any, Any]) -> None:
    agrees(executable(x), x)
    agrees(executable(x=x), x)


def test_what_it_says_of_itself(executable: Executable) -> None:
    text = "(x: float32[batch, 4]) -> {'logits': float32[batch, 3], 'exit': (int, float)}"
    assert str(executable.signature) == text
    assert repr(executable) == f"<adaptc executable early-exit{text}>"
    assert executable.name == "early-exit"
    assert executable.blocks == ("entry", "more", "exit")
    assert executable.paths == executable.report["paths"]
    assert executable.paths[0]["blocks"] == ["entry", "exit"]


def test_wrong_input(executable: Executable) -> None:
    with pytest.raises(InputError, match=r"argument 'x' has dtype float64, expected float32\[batch, 4\]"):
        executable(SURE.astype(float))


def test_trace(executable: Executable) -> None:
    trace = executable.trace(UNSURE)
    agrees(trace.outputs, UNSURE)
    assert isinstance(trace, Trace)
    assert trace.path == ("entry", "more", "exit")
    assert trace.decisions == (("net.py:12", False),)
    assert trace.reads == (("sure?", False), ("confidence", pytest.approx(early_exit_reference(UNSURE)[2])))
    assert [name for name, _ in trace.units] == ["stem", "layer", "head"]
    assert all(microseconds > 0 for _, microseconds in trace.units)
    lines = str(trace).splitlines()
    assert lines[0] == "path: entry -> more -> exit"
    assert any(line.split()[:2] == ["net.py:12", "False"] for line in lines)
    assert lines[-1].startswith("all units")
    assert "read" not in str(replace(trace, reads=()))
    assert "decision" not in str(replace(trace, decisions=()))


def test_forced_path(executable: Executable) -> None:
    trace = executable.run_forced((SURE,), {}, {"sure?": [False]})
    h = np.maximum(SURE @ np.linspace(-1, 1, 32, dtype=np.float32).reshape(4, 8), 0)
    expected = (h + np.tanh(h)) @ np.linspace(1, -1, 24, dtype=np.float32).reshape(8, 3)
    np.testing.assert_allclose(trace.outputs["logits"], expected, rtol=1e-5)
    assert (trace.path, trace.raises) == (("entry", "more", "exit"), "")
    assert trace.reads[0] == ("sure?", False)


def test_forced_values_may_be_left_to_the_data(executable: Executable) -> None:
    natural = executable.trace(SURE)
    for forced in ({}, {"sure?": []}, {"sure?": [None]}, {"confidence": [None]}):
        assert executable.run_forced((), {"x": SURE}, forced).path == natural.path
    assert executable.run_forced((SURE,), {}, {"confidence": [0.25]}).outputs["exit"] == (0, 0.25)


def test_forcing_an_unknown_read(executable: Executable) -> None:
    with pytest.raises(InputError, match=r"there is no read 'sure'; the reads are: sure\?, confidence"):
        executable.run_forced((SURE,), {}, {"sure": [True]})


def test_samples(executable: Executable) -> None:
    results = executable.verify()
    assert [(result.name, result.ok) for result in results] == [("early", True), ("late", True), ("forced late", True)]
    assert all(0 <= result.max_relative_error < 1e-6 for result in results)
    assert results[2].path == results[2].expected_path == ("entry", "more", "exit")


def test_samples_that_differ(tmp_path: Path) -> None:
    folder = early_exit(tmp_path / "artifact")
    expected = dict(np.load(folder / "samples" / "late.expected.npz"))
    expected["0"] = expected["0"] * np.float32(1.001)
    np.savez(folder / "samples" / "late.expected.npz", **expected)
    np.savez(folder / "samples" / "early.expected.npz", **{**expected, "1": np.array(5)})
    samples = load(rewrite(folder))._artifact.manifest.samples
    changed = msgspec.structs.replace(samples[2], path=("entry", "exit"))
    executable = load(rewrite(folder, samples=(*samples[:2], changed)))
    early, late, forced = executable.verify()
    assert (early.ok, early.problem) == (False, "output 1 is not equal")
    assert (late.ok, late.worst) == (False, "output 0")
    assert late.max_relative_error == pytest.approx(0.001, rel=1e-3)
    assert late.problem == "output 0 differs by 0.001 relative, more than 1e-05"
    assert forced.problem == "takes the path entry -> more -> exit, expected entry -> exit"
    assert executable.verify(tolerance=0.01)[1].ok


def test_eight_threads(executable: Executable) -> None:
    inputs = [
        np.full((1 + i % 3, 4), scale, np.float32) for i, scale in enumerate([1, 0.01, 0.5, -1, 0.02, 2, 0.3, 0.1])
    ]
    problems: list[BaseException] = []
    start = threading.Barrier(8)

    def work(x: np.ndarray[Any, Any]) -> None:
        try:
            start.wait()
            for _ in range(200):
                agrees(executable(x), x)
            assert executable.trace(x).outputs["exit"][0] == early_exit_reference(x)[1]
            assert executable.run_forced((x,), {}, {"sure?": [True]}).path == ("entry", "exit")
        except BaseException as error:
            problems.append(error)
            raise

    threads = [threading.Thread(target=work, args=(x,)) for x in inputs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_close(folder: Path) -> None:
    with load(folder) as executable:
        executable.trace(SURE)
    for use in (
        lambda: executable(SURE),
        lambda: executable.trace(SURE),
        lambda: executable.run_forced((SURE,), {}, {}),
        executable.verify,
    ):
        with pytest.raises(AdaptcError, match="the executable 'early-exit' is closed"):
            use()


def test_threads(folder: Path) -> None:
    agrees(load(folder, threads=2)(SURE), SURE)
    wrong: list[Any] = [0, -1, 1.5, "2", True, None, 10**9]
    for threads in wrong:
        with pytest.raises(InputError, match=f"threads is {threads!r}: it must be an int from 1 to 1024"):
            load(folder, threads=threads)


def test_the_empty_name_is_no_engine(folder: Path) -> None:
    with pytest.raises(EngineError, match="there is no engine ''"):
        load(folder, engine="")


def test_sessions_that_share_the_processor_do_not_spin() -> None:
    for threads, units, spins in ((1, 5, True), (4, 1, True), (4, 5, False)):
        options = OnnxRuntimeEngine(EngineOptions(threads, units)).session_options()
        try:
            entry = options.get_session_config_entry("session.intra_op.allow_spinning")
        except RuntimeError:
            entry = "default"
        assert (entry != "0") == spins
        assert options.intra_op_num_threads == threads


def test_failing_unit_is_named(tmp_path: Path) -> None:
    text = "(float[n] x, int64[1] shape) => (float[a, b] y) {y = Reshape(x, shape)}"
    builder = ArtifactBuilder().unit("reshape", text, loc="net.py:7")
    call = Call("reshape", (Ref("x"), Ref("s")), ("y",))
    block = HostBlock("b", ("x", "s"), (call,), Return((Ref("y"),), (ValueSpec("float32", ("a", "b")),), Leaf(0)))
    specs = [TensorSpec("x", "float32", ("n",)), TensorSpec("s", "int64", (1,))]
    executable = load(builder.write(tmp_path / "a", HostProgram("b", (block,)), specs))
    with pytest.raises(EngineError, match=r"onnxruntime failed on unit 'reshape' \(from net\.py:7\): .*[Rr]eshape"):
        executable(np.zeros(3, np.float32), np.array([2]))


def test_loop_with_scalars(tmp_path: Path) -> None:
    """Halve x until its sum is small; the number of rounds enters a unit and is a result."""
    builder = ArtifactBuilder("loop")
    builder.unit("sum", "(float[n] x) => (float total) {axes = Constant<value = int64[1] {0}>()"
                        " total = ReduceSum<keepdims: int = 0>(x, axes)}")  # fmt: skip
    builder.unit("halve", "(float[n] x) => (float[n] y) {two = Constant<value = float {2}>() y = Div(x, two)}")
    builder.unit("scale", "(float[n] x, int64 n) => (float[n] y) {f = Cast<to: int = 1>(n) y = Mul(x, f)}")
    head = HostBlock(
        "head",
        ("x", "count"),
        (Call("sum", (Ref("x"),), ("s",)), Read("total", "s", "float", "net.py:5")),
        Branch(
            Apply("gt", (Ref("total"), Const(1.0))),
            Edge("body", (Ref("x"), Ref("count"))),
            Edge("done", (Ref("x"), Ref("count"))),
            "net.py:5",
        ),
    )
    body = HostBlock(
        "body",
        ("x", "count"),
        (Call("halve", (Ref("x"),), ("y",)), Let("more", Apply("add", (Ref("count"), Const(1))))),
        Jump(Edge("head", (Ref("y"), Ref("more")))),
    )
    end = Return(
        (Ref("y"), Ref("count"), Apply("mul", (Size("x", 0), Const(2))), Ref("count")),
        (ValueSpec("float32", ("n",)), ValueSpec("int"), ValueSpec("int"), ValueSpec("int64", ())),
        NamedTupleNode("Halved", ("y", "rounds", "twice", "tensor"), (Leaf(0), Leaf(1), Leaf(2), Leaf(3))),
    )
    done = HostBlock("done", ("x", "count"), (Call("scale", (Ref("x"), Ref("count")), ("y",)),), end)
    start = HostBlock("start", ("x",), (), Jump(Edge("head", (Ref("x"), Const(0)))))
    program = HostProgram("start", (start, head, body, done))
    executable = load(builder.write(tmp_path / "a", program, [TensorSpec("x", "float32", ("n",))]))
    x = np.array([3, 4, 6], np.float32)
    output = executable(x)
    assert repr(output).startswith("Halved(y=array(")
    np.testing.assert_array_equal(output.y, x / 16 * 4)
    assert (output.rounds, output.twice) == (4, 6)
    assert isinstance(output.tensor, np.ndarray)
    assert (output.tensor.dtype, output.tensor.shape, output.tensor.item()) == (np.dtype("int64"), (), 4)
    trace = executable.trace(x)
    assert trace.path == ("start", *("head", "body") * 4, "head", "done")
    assert [value for _, value in trace.reads] == [13, 6.5, 3.25, 1.625, 0.8125]
    forced = executable.run_forced((x,), {}, {"total": [None, 0.5]})
    assert (forced.outputs.rounds, forced.path.count("body")) == (1, 1)
    limited = load(tmp_path / "a", max_iterations=3)
    assert limited(np.full(4, 1.0, np.float32)).rounds == 2
    for call in (limited, limited.trace):
        with pytest.raises(LoopError, match="more than 3 iterations"):
            call(np.full(4, 100.0, np.float32))
    for wrong in (0, -1, True, 2.5):
        with pytest.raises(InputError, match="max_iterations"):
            load(tmp_path / "a", max_iterations=wrong)  # type: ignore[arg-type]


def test_network_that_raises_and_routes(tmp_path: Path) -> None:
    builder = ArtifactBuilder("router")
    builder.unit("router", "(float[4] x) => (int64 k) {k = ArgMax<axis: int = 0, keepdims: int = 0>(x)}")
    builder.unit("negate", "(float[4] x) => (float[4] y) {y = Neg(x)}")
    spec = (ValueSpec("float32", (4,)),)
    route = HostBlock(
        "route",
        ("x",),
        (Call("router", (Ref("x"),), ("k",)), Read("expert", "k", "int", "net.py:3")),
        Switch(
            Ref("expert"),
            (0, 2),
            (Edge("same", (Ref("x"),)), Edge("negated", (Ref("x"),))),
            Edge("none", (Ref("expert"),)),
            "net.py:4",
        ),
    )
    record = RecordNode("Out", ("y", "aux"), (Leaf(0), Static(None)), mapping=True)
    same = HostBlock("same", ("x",), (), Return((Ref("x"),), spec, ListNode((Leaf(0),))))
    negated = HostBlock("negated", ("x",), (Call("negate", (Ref("x"),), ("y",)),), Return((Ref("y"),), spec, record))
    none = HostBlock("none", ("k",), (), Raise("ValueError", "no 'expert'\n", "net.py:9"))
    builder.sample("raises", [np.array([0, 1, 0, 0], np.float32)], [], ["route", "none"], raises="ValueError")
    program = HostProgram("route", (route, same, negated, none))
    executable = load(builder.write(tmp_path / "a", program, [TensorSpec("x", "float32", (4,))]))
    x = np.array([1, 0, 0, 0], np.float32)
    assert executable(x)[0] is x
    negative = executable(x[::-1].copy()[[0, 1, 3, 2]])
    np.testing.assert_array_equal(negative["y"], [0, 0, -1, 0])
    assert (negative.aux, len(negative)) == (None, 1)
    assert str(executable.signature) == "(x: float32[4]) -> [float32[4]] | Out(y=float32[4], aux=None)"
    with pytest.raises(
        NetworkError, match=r"the network raises ValueError\(\"no 'expert'\\n\"\) at net\.py:9"
    ) as raised:
        executable(np.array([0, 1, 0, 0], np.float32))
    assert (raised.value.exception, raised.value.message, raised.value.loc) == (
        "ValueError",
        "no 'expert'\n",
        "net.py:9",
    )
    with pytest.raises(NetworkError):
        executable.trace(np.array([0, 1, 0, 0], np.float32))
    forced = executable.run_forced((x,), {}, {"expert": [3]})
    assert (forced.raises, forced.outputs, forced.path) == ("ValueError", None, ("route", "none"))
    assert forced.decisions == (("net.py:4", 3),)
    assert str(forced).startswith("path: route -> none -> raises ValueError")
    assert executable.verify()[0].ok
    assert executable.verify()[0].raises == "ValueError"


def test_signature_of_nested_arguments(tmp_path: Path) -> None:
    arguments = [
        Argument("pair", "positional", TupleNode((Leaf(0), Leaf(1)))),
        Argument("scale", "positional", Static(2.0)),
        Argument("last", "keyword", Leaf(2)),
    ]
    specs = [TensorSpec(name, "float32", ("n",)) for name in ("pair.0", "pair.1", "last")]
    block = HostBlock(
        "b", ("a", "b", "c"), (), Return((Ref("b"),), (ValueSpec("float32", ("n",)),), TupleNode((Leaf(0),)))
    )
    executable = load(ArtifactBuilder().write(tmp_path / "a", HostProgram("b", (block,)), specs, arguments))
    text = "(pair: (float32[n], float32[n]), scale=2.0, *, last: float32[n]) -> (float32[n],)"
    assert str(executable.signature) == text
    a, b, c = (np.full(2, i, np.float32) for i in range(3))
    assert executable((a, b), last=c)[0] is b
    with pytest.raises(
        InputError, match=r"argument 'pair\[1\]' has size 3 in dimension 0, but 'n' is 2 in argument 'pair\[0\]'"
    ):
        executable((a, np.zeros(3, np.float32)), last=c)


def test_large_values_die_after_their_last_use(tmp_path: Path) -> None:
    """A chain of units inside of one block: no more than the chain's ends are alive when the last unit runs."""
    builder = ArtifactBuilder()
    for i in range(3):
        builder.unit(f"u{i}", "(float[n] x) => (float[n] y) {y = Neg(x)}")
    steps = tuple(Call(f"u{i}", (Ref(f"v{i}"),), (f"v{i + 1}",)) for i in range(3))
    block = HostBlock("b", ("v0",), steps, Return((Ref("v3"),), (ValueSpec("float32", ("n",)),), Leaf(0)))
    executable = load(builder.write(tmp_path / "a", HostProgram("b", (block,)), [TensorSpec("x", "float32", ("n",))]))
    manifest = executable._artifact.manifest
    alive: set[str] = set()

    class Value:
        def __init__(self, name: str) -> None:
            self.name = name
            alive.add(name)

        def __del__(self) -> None:
            alive.discard(self.name)

    seen: list[set[str]] = []

    def unit(number: int) -> Any:
        def call(value: Value) -> list[Value]:
            seen.append(set(alive))
            return [Value(f"v{number + 1}")]

        return call

    source = host_source(executable._artifact.host, manifest.units, manifest.signature.inputs)
    run: Any = host_function(source, manifest.units, {f"u{i}": unit(i) for i in range(3)})
    run(Value("v0"))
    assert seen == [{"v0"}, {"v0", "v1"}, {"v0", "v2"}]
