"""The MLIR text is read back by a real MLIR parser and says what the program says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from io import StringIO

import pytest
import torch
from xdsl.context import Context
from xdsl.dialects.arith import Arith
from xdsl.dialects.builtin import Builtin, ModuleOp, UnregisteredOp
from xdsl.dialects.cf import Cf
from xdsl.dialects.func import Func
from xdsl.parser import Parser
from xdsl.printer import Printer

from adaptc.compiler.ir.mlir import to_mlir
from adaptc.compiler.ir.mlir_text import Names, float_literal, location, quoted
from adaptc.compiler.ir.program import Program
from adaptc.runtime.hostprogram import Apply, Branch, Const, Jump, Let, Raise, Ref, Size

from .builder import BOOL, FLOAT, INT, ProgramBuilder, edge, give, make_code, tensor
from .programs import SAMPLES, Sample, early_exit, growing, rejects, skip_gates


def parse(text: str) -> ModuleOp:
    """The text as xDSL reads it, its own checks passed."""
    context = Context(allow_unregistered=True)
    for dialect in (Builtin, Func, Cf, Arith):
        context.load_dialect(dialect)
    module = Parser(context, text).parse_module()
    module.verify()
    return module


def printed(module: ModuleOp) -> str:
    stream = StringIO()
    Printer(stream, print_debuginfo=True).print_op(module)
    return stream.getvalue()


def operations(module: ModuleOp) -> Counter[str]:
    return Counter(op.op_name.data if isinstance(op, UnregisteredOp) else op.name for op in module.walk())


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_parser_reads_it_back(make: Callable[[], Sample]) -> None:
    program = make().program
    module = parse(to_mlir(program))
    once = printed(module)
    assert printed(parse(once)) == once
    check_counts(program, operations(module))
    (function,) = [op for op in module.walk() if op.name == "func.func"]
    assert len(function.body.blocks) == len(program.blocks)
    for block, parsed in zip(program.blocks.values(), sorted_blocks(program, function)):
        assert len(parsed.args) == len(block.params)


def sorted_blocks(program: Program, function: object) -> list[object]:
    """The parsed blocks in the order of the program's own; the text begins with the entry."""
    names = [program.entry, *(name for name in program.blocks if name != program.entry)]
    by_name = dict(zip(names, function.body.blocks))  # type: ignore[attr-defined]
    return [by_name[name] for name in program.blocks]


def check_counts(program: Program, found: Counter[str]) -> None:
    """Every tensor operator, read, size and terminator of the program stands in the text."""
    expected: Counter[str] = Counter()
    for block in program.blocks.values():
        for node in block.code.graph.graph.nodes if block.code else ():
            if node.op == "call_function" and "aten" in str(node.target):
                expected[str(node.target._schema.name).replace("aten::", "")] += 1
        expected["read"] += sum(hasattr(step, "tensor") for step in block.steps)
        expected["weights"] += len(block.weights)
        expected[type(block.terminator).__name__] += 1
    aten = Counter[str]()
    for name, count in found.items():
        if name.startswith("torch.aten."):
            aten[name.split(".")[2]] += count
    terminators = {
        "Jump": "cf.br",
        "Branch": "cf.cond_br",
        "Switch": "cf.switch",
        "Return": "func.return",
        "Raise": "adaptc.raise",
    }
    for name, count in expected.items():
        if name in terminators:
            assert found[terminators[name]] == count, name
        elif name == "read":
            assert found["adaptc.read"] == count
        elif name == "weights":
            assert found["adaptc.weight"] == count
        else:
            assert aten[name] == count, name


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_torch_mlir_reads_it(make: Callable[[], Sample]) -> None:
    """The torch dialect's own verifier accepts every operation."""
    ir = pytest.importorskip("torch_mlir.ir")
    dialect = pytest.importorskip("torch_mlir.dialects.torch")
    with ir.Context() as context:
        context.allow_unregistered_dialects = True
        dialect.register_dialect(context)
        assert ir.Module.parse(to_mlir(make().program)).operation.verify()


@pytest.mark.parametrize("make", SAMPLES, ids=lambda make: make.__name__)
def test_every_operation_has_its_line(make: Callable[[], Sample]) -> None:
    program = make().program
    lines = to_mlir(program).splitlines()
    located = [line for line in lines if line.startswith("    ") and not line.startswith("      ")]
    assert located
    for line in located:
        if not line.endswith(", ["):  # a switch has its location after the last case
            assert re.search(r' loc\("model\.py":\d+:0\)$', line), line
    assert "loc(" not in to_mlir(program, locations=False)


def test_early_exit_text() -> None:
    text = to_mlir(early_exit().program, locations=False)
    assert "  func.func @early_exit(%image: !torch.vtensor<[1,3,8,8],f32>) -> (!torch.vtensor<[1,5],f32>) {" in text
    assert '    %confident = "adaptc.read"(%is_confident) {name = "confident"} : (!torch.vtensor<[],i1>) -> i1' in text
    assert (
        "    cf.cond_br %confident, ^leave(%logits : !torch.vtensor<[1,5],f32>), "
        "^deeper(%features : !torch.vtensor<[1,4,8,8],f32>)" in text
    )
    assert '    func.return {adaptc.tree = "%0"} %result : !torch.vtensor<[1,5],f32>' in text
    assert '    %stem.weight = "adaptc.weight"() {name = "stem.weight"} : () -> !torch.vtensor<[4,3,3,3],f32>' in text


def test_known_sizes_are_cast_away_on_edges() -> None:
    text = to_mlir(growing().program, locations=False)
    cast = '%x.cast = "torch.tensor_static_info_cast"(%x) : (!torch.vtensor<[1,4],f32>)'
    assert f"    {cast} -> !torch.vtensor<[?,4],f32>\n" in text
    assert '%index_1.tensor = "adaptc.to_tensor"(%index_1) : (i64) -> !torch.vtensor<[],si64>' in text


def test_named_dimensions_are_kept() -> None:
    assert 'f32> {adaptc.shape = ["batch", 4]})' in to_mlir(rejects().program)


def host_program(*steps: Let) -> Program:
    builder = ProgramBuilder("host", {"x": tensor("n", 2)})
    builder.block("entry", {"x": tensor("n", 2)}, Jump(edge("next", Const(3), Const(0.5), Const(True), "x")))
    builder.block(
        "next",
        {"i": INT, "f": FLOAT, "b": BOOL, "x": tensor("n", 2)},
        give(*((step.name, FLOAT) for step in steps[:0]), tree=None) if False else Raise("Done", "", "model.py:1"),
        steps=steps,
    )
    return builder.build()


@pytest.mark.parametrize(
    ("expr", "line"),
    [
        (Apply("add", (Ref("i"), Const(2))), "%r = arith.addi %i, %c2 : i64"),
        (Apply("add", (Ref("f"), Const(2.0))), "%r = arith.addf %f, %cst_1 : f64"),
        (Apply("add", (Ref("i"), Ref("f"))), '%r = "adaptc.add"(%i, %f) : (i64, f64) -> f64'),
        (Apply("add", (Ref("b"), Ref("b"))), '%r = "adaptc.add"(%b, %b) : (i1, i1) -> i64'),
        (Apply("mod", (Ref("i"), Const(2))), '%r = "adaptc.mod"(%i, %c2) : (i64, i64) -> i64'),
        (Apply("floordiv", (Ref("i"), Const(-2))), "%r = arith.floordivsi %i, %cm2 : i64"),
        (Apply("lt", (Ref("i"), Const(2))), "%r = arith.cmpi slt, %i, %c2 : i64"),
        (Apply("ne", (Ref("f"), Ref("f"))), "%r = arith.cmpf une, %f, %f : f64"),
        (Apply("not", (Ref("b"),)), "%r = arith.xori %b, %true_1 : i1"),
        (Apply("not", (Ref("i"),)), '%r = "adaptc.not"(%i) : (i64) -> i1'),
        (Apply("and", (Ref("b"), Ref("b"))), "%r = arith.andi %b, %b : i1"),
        (Apply("and", (Ref("i"), Ref("i"))), '%r = "adaptc.and"(%i, %i) : (i64, i64) -> i64'),
        (Apply("neg", (Ref("f"),)), "%r = arith.negf %f : f64"),
        (Apply("float", (Ref("i"),)), "%r = arith.sitofp %i : i64 to f64"),
        (Apply("int", (Ref("b"),)), "%r = arith.extui %b : i1 to i64"),
        (Apply("int", (Ref("f"),)), '%r = "adaptc.int"(%f) : (f64) -> i64'),
        (Apply("bool", (Ref("i"),)), "%r = arith.cmpi ne, %i, %c0 : i64"),
        (Apply("bool", (Ref("f"),)), "%r = arith.cmpf une, %f, %cst_1 : f64"),
        (Apply("select", (Ref("b"), Ref("i"), Const(1))), "%r = arith.select %b, %i, %c1 : i64"),
        (Apply("sqrt", (Ref("f"),)), '%r = "adaptc.sqrt"(%f) : (f64) -> f64'),
        (Size("x", 0), '%r = "adaptc.size"(%x_1) {dim = 0 : i64} : (!torch.vtensor<[?,2],f32>) -> i64'),
    ],
)
def test_host_expressions(expr: Apply | Size, line: str) -> None:
    text = to_mlir(host_program(Let("r", expr, "model.py:2")), locations=False)
    parse(text)
    assert f"    {line}\n" in text


@pytest.mark.parametrize("value", [1e300, 1e22, 5e-324, -0.0, 0.1, 100.0, float("inf"), float("-inf")])
def test_floats_read_back_bit_by_bit(value: float) -> None:
    module = parse(f"module {{ %c = arith.constant {float_literal(value)} : f64 }}")
    (constant,) = [op for op in module.walk() if op.name == "arith.constant"]
    assert repr(constant.value.value.data) == repr(value)  # type: ignore[attr-defined]


def test_numbers_as_tests_become_bits() -> None:
    program = host_program()
    block = program.blocks["next"]
    block.terminator = Branch(Ref("i"), edge("yes"), edge("no"))
    for name in ("yes", "no"):
        program.blocks[name] = type(block)(name, [], None, [], [], [], [], Raise(name, ""), "model.py:4")
    text = to_mlir(program, locations=False)
    parse(text)
    assert "    %test = arith.cmpi ne, %i, %c0 : i64\n    cf.cond_br %test, ^yes, ^no\n" in text


def test_results_in_lists_tuples_and_symbols() -> None:
    """Operators with several results, lists of tensors, sizes inside code, numbers in a tensor's place."""
    state, index = tensor("n", 4), tensor(2, dtype=torch.int64)

    def parts(x: torch.Tensor, i: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values, indices = x.topk(2)
        first, second = x.split(2, dim=1)
        flat = second.reshape(x.shape[0] * 2)
        return values, indices, first * 2.5, flat, x[:, i], x.to(torch.float16), x.new_zeros(x.shape[0] + 1)

    code = make_code("parts", parts, [state, index])
    builder = ProgramBuilder("parts", {"x": state, "i": index})
    names = ["values", "indices", "scaled", "flat", "columns", "half", "zeros"]
    builder.block(
        "entry",
        {"x": state, "i": index},
        give(*zip(names, code.outputs)),
        code=code,
        inputs=["x", "i"],
        outputs=names,
    )
    text = to_mlir(builder.build(), locations=False)
    parse(text)
    pieces = [
        '%topk.values, %topk.indices = "torch.aten.topk"(%x, %int2, %intm1, %true, %true)',
        '%split = "torch.aten.split.Tensor"(%x, %int2, %int1)',
        '%getitem = "torch.aten.__getitem__.t"(%split, %int0) : (!torch.list<vtensor>, !torch.int) ->',
        '%scaled = "torch.aten.mul.Scalar"(%getitem, %float2.5)',
        '"torch.aten.size.int"(%x, %int0) : (!torch.vtensor<[?,4],f32>, !torch.int) -> !torch.int',
        '%mul = "torch.aten.mul.int"(',
        "(%none, %i) : (!torch.none, !torch.vtensor<[2],si64>) -> !torch.list<optional<vtensor>>",
        "-> !torch.vtensor<[?,4],f16>",
        "%topk.values, %topk.indices, %scaled, %flat, %columns, %half, %zeros :",
    ]
    for piece in pieces:
        assert piece in text, piece


def test_awkward_names_and_texts() -> None:
    builder = ProgramBuilder("a net: 1", {"0 x\n": tensor(1)}, entry="the entry")
    builder.weight('w"1', torch.ones(1))
    code = make_code("add", lambda x, w: (x + w,), [tensor(1)], [tensor(1)])
    builder.block(
        "the entry",
        {"0 x\n": tensor(1)},
        Jump(edge("b\\", "%y")),
        code=code,
        inputs=["0 x\n"],
        weights=['w"1'],
        outputs=["%y"],
    )
    builder.block("b\\", {"%y": tensor(1)}, Raise("E", 'say "no"\n\\ é', 'dir "x"/model.py:3'))
    text = to_mlir(builder.build())
    module = parse(text)
    (raised,) = [op for op in module.walk() if isinstance(op, UnregisteredOp) and op.op_name.data == "adaptc.raise"]
    assert raised.attributes["message"].data == 'say "no"\n\\ é'.encode()  # type: ignore[attr-defined]
    assert r'loc("dir \22x\22/model.py":3:0)' in text


def test_shared_code_prints_in_every_block() -> None:
    found = operations(parse(to_mlir(skip_gates(4).program)))
    assert found["torch.aten.linear"] == 4
    assert found["adaptc.read"] == 4


def test_a_broken_program_prints() -> None:
    program = early_exit().program
    program.blocks["leave"].terminator = give(("lost", tensor(1, 5)))
    program.blocks["deeper"].terminator = Jump(edge("nowhere", Apply("add", (Ref("gone"), Const(1)))))
    text = to_mlir(program)
    assert '"adaptc.pack"(%undefined.lost) : (!adaptc.undefined) -> !adaptc.any' in text
    assert "cf.br ^undefined.nowhere(" in text


def test_blocks_alone() -> None:
    text = to_mlir(early_exit().program, only=["leave"], locations=False)
    assert text.splitlines() == [
        "  ^leave(%result: !torch.vtensor<[1,5],f32>):",
        '    func.return {adaptc.tree = "%0"} %result : !torch.vtensor<[1,5],f32>',
    ]


def test_text_pieces() -> None:
    names = Names()
    assert [names.fresh(hint) for hint in ("x", "x", "x_1", "9", "_1")] == ["x", "x_1", "x_2", "v9", "v"]
    assert quoted('a"\\\n') == r'"a\22\5C\0A"'
    assert location("a.py:3") == 'loc("a.py":3:0)'
    assert location("C:\\a.py:3:7") == r'loc("C:\5Ca.py":3:7)'
    assert location("") == "loc(unknown)"
