"""Verification finds what is wrong, and only that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from adaptc.compiler.ir.program import Program
from adaptc.compiler.ir.verify import verify as verify_ir
from adaptc.compiler.signature import SignatureError, bind
from adaptc.compiler.verify.report import VerificationReport
from adaptc.compiler.verify.verify import verify
from adaptc.runtime.hostprogram import Apply, Branch, Read

from . import networks, programs
from .captured import report_on
from .standin import Interpreted


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def check(program: Program, model: torch.nn.Module, *example: Tensor, **options: Any) -> VerificationReport:
    verify_ir(program)
    return verify(program, model, bind(model.forward, example), Interpreted(program), **options)


def test_a_right_program_passes_on_every_path() -> None:
    model = networks.EarlyExit()
    report = check(programs.early_exit(model), model, torch.randn(1, 4))
    assert report.failures == ()
    assert report.complete
    assert report.never_taken == ()
    assert [path.path.blocks for path in report.paths] == [("entry", "leave"), ("entry", "deeper")]
    assert all(path.forced == 2 for path in report.paths)
    assert sum(path.natural for path in report.paths) == 9
    assert report.max_relative_error < 1e-6


def test_the_report_is_json() -> None:
    model = networks.EarlyExit()
    record = check(programs.early_exit(model), model, torch.randn(1, 4)).to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    path = record["paths"][0]
    assert (path["name"], path["blocks"], path["raises"]) == ("path 1", ["entry", "leave"], "")
    assert path["decisions"] == [{"loc": networks.at("confident"), "taken": True}]


def test_a_swapped_branch_is_found() -> None:
    model = networks.EarlyExit()
    report = check(programs.early_exit(model, swapped=True), model, torch.randn(1, 4), random=0)
    assert not report.ok
    failed = [path for path in report.paths if path.failures]
    assert len(failed) == 2
    assert {d.where for path in failed for f in path.failures for d in f.differences} == {
        "output['logits']",
        "output['exit']",
    }
    assert networks.at("confident") in str(report.failures[0])


def test_a_wrong_weight_is_found_on_the_path_that_no_input_takes() -> None:
    model = networks.EarlyExit()
    with torch.no_grad():
        model.head.weight *= 50
    program = programs.early_exit(model)
    program.weights["tail.weight"] = program.weights["tail.weight"] + 1e-4
    report = check(program, model, torch.randn(1, 4) * 9)
    assert [path.natural > 0 for path in report.paths] == [True, False]
    assert [bool(path.failures) for path in report.paths] == [False, True]
    difference = report.paths[1].failures[0].differences[0]
    assert difference.where == "output['logits']"
    assert 1e-5 < difference.error < 1e-2


def test_a_wrong_gate_in_tensor_code_is_found_though_its_value_is_forced() -> None:
    model = networks.EarlyExit()
    example = torch.randn(1, 4)
    confidence = model.head(torch.tanh(model.stem(example))).softmax(-1).max().item()
    wrong = programs.early_exit(model, threshold=confidence * 0.99)
    report = check(wrong, model, example, random=0)
    assert confidence < 0.5
    assert any("eager PyTorch reads False, the compiled network True" in f.message for f in report.failures)


@pytest.mark.parametrize(("options", "right"), [({}, True), ({"high": 0.26}, False), ({"test": "ge"}, False)])
def test_thresholds_on_the_host_are_compared_exactly(options: Any, right: bool) -> None:
    report = check(programs.scored(**options), networks.Scored(), torch.full((1, 4), 0.9))
    assert report.ok == right
    assert len(report.paths) == 3 if right else len(report.paths) >= 3
    if right:
        assert [d.taken for d in report.paths[1].path.decisions] == [False, True]


def test_values_of_forced_reads_go_into_the_arithmetic() -> None:
    model = networks.Scored()
    report = check(programs.scored(), model, torch.full((1, 4), 0.9), random=0)
    sample = next(s for s in report.samples.records if s.path[-2] == "low")
    expected = report.samples.files[sample.expected]
    (forced,) = sample.forced
    assert forced.read == "score"
    assert forced.value is not None
    assert forced.value < -0.25
    assert expected["1"].item() == forced.value * 2
    assert np.allclose(expected["0"], 2.7)


def test_patience_and_its_infeasible_exit() -> None:
    model = networks.Patience(4)
    report = check(programs.patience(model), model, torch.randn(1, 4))
    assert report.failures == ()
    assert report.complete
    # No label is -1, but one may be forced to be, so only the counter bounds the exit: not before two layers.
    assert [(item.edge.block, item.edge.index) for item in report.never_taken] == [("test0", 0)]
    assert max(path.max_relative_error for path in report.paths) < 1e-6


def test_a_wrong_patience_is_found() -> None:
    model = networks.Patience(4)
    assert not check(programs.patience(model, enough=3), model, torch.randn(1, 4), random=0).ok


def test_a_path_that_raises() -> None:
    model = networks.Rejects()
    report = check(programs.rejects(), model, torch.rand(1, 4))
    assert report.failures == ()
    assert [path.path.raises for path in report.paths] == ["Rejected", ""]
    assert all(path.forced == 2 for path in report.paths)
    sample = next(s for s in report.samples.records if s.raises)
    assert report.samples.files[sample.expected] == {}


def test_another_exception_is_a_failure() -> None:
    report = check(programs.rejects("ValueError"), networks.Rejects(), torch.rand(1, 4))
    assert "eager PyTorch raises Rejected: the mean is negative, the compiled network raises ValueError" in str(
        report.failures[0]
    )


def test_the_state_of_the_network_is_put_back() -> None:
    model = networks.Rejects()
    check(programs.rejects(), model, torch.rand(1, 4))
    assert (model.calls, model.seen, model.total.item()) == (0, [], 0.0)


def test_a_missing_effect_in_place_is_found() -> None:
    model = networks.InPlace()
    assert check(programs.in_place(), model, torch.rand(1, 4)).ok
    report = check(programs.in_place(effect=False), model, -torch.rand(1, 4), random=0)
    assert [bool(path.failures) for path in report.paths] == [True, False]
    assert report.paths[0].failures[0].differences[0].index == (0, 0)


def test_a_size_baked_into_a_rare_arm_is_found() -> None:
    example = torch.rand(2, 4)
    assert check(programs.rows(), networks.Rows(), example).failures == ()
    report = check(programs.rows(baked=True), networks.Rows(), example)
    assert [bool(path.failures) for path in report.paths] == [False, True]


def test_an_index_and_what_lies_beyond() -> None:
    model = networks.Experts()
    report = check(programs.experts(model), model, torch.randn(1, 4))
    assert report.failures == ()
    assert [path.path.blocks[-1] for path in report.paths] == ["expert0", "expert1", "expert2", "beyond"]
    assert [path.decisions[0][1] for path in report.paths[:3]] == [0, 1, 2]
    assert not check(programs.experts(model, order=(0, 2, 1)), model, torch.randn(1, 4), random=0).ok


def test_a_branch_on_a_size_that_only_the_data_tells() -> None:
    model = networks.Detector()
    report = check(programs.detector(), model, torch.randn(5, 4), samples=[-torch.rand(5, 4)])
    assert report.failures == ()
    assert [path.natural > 0 for path in report.paths] == [True, True]
    report = check(programs.detector(), model, torch.rand(5, 4), random=0)
    assert report.failures == ()
    assert report.never_taken == ()
    assert [path.searched for path in report.paths] == ["inputs found by search for path 1", ""]
    assert [path.to_dict()["searched"] for path in report.paths] == ["inputs found by search for path 1", ""]
    assert report.paths[0].forced == 1
    assert "path 1" in [sample.name for sample in report.samples.records]


def test_a_wrong_arm_that_only_a_search_reaches_is_found() -> None:
    report = report_on(networks.Sifts(), torch.rand(6) + 1, change=_double_the_first_literal, random=0)
    assert [path.searched for path in report.paths if path.failures] == ["inputs found by search for path 2"]


def _double_the_first_literal(program: Program) -> None:
    for name, weight in program.weights.items():
        if weight.numel() == 1 and weight.item() == 7:
            program.weights[name] = weight * 2
            return
    raise AssertionError(sorted(program.weights))


def test_what_no_input_reaches_is_told() -> None:
    report = report_on(networks.SiftsInVain(), torch.rand(6), random=0)
    assert report.failures == ()
    ((item,), (first, second)) = report.never_taken, report.paths
    assert item.taken is True
    assert "the size of a tensor that the data decides, and a search found no inputs that take it" in item.reason
    assert (first.searched, second.searched) == ("", "")


def test_a_number_that_the_code_before_its_test_computes_with_is_not_forced() -> None:
    report = report_on(networks.TiesItsTest(), torch.rand(2, 4), random=0)
    assert report.failures == ()
    assert report.never_taken == ()
    assert sorted(bool(path.searched) for path in report.paths) == [False, True]


def test_a_flip_within_rounding_is_reported_with_its_margin() -> None:
    program = programs.scored(offset=5e-8)
    report = check(program, networks.Scored(), torch.full((1, 4), 0.25), random=0)
    assert report.failures == ()
    (flip,) = report.marginal
    assert (flip.loc, flip.eager, flip.inputs) == (networks.at("score"), 0.25, "the example inputs")
    assert 0 < flip.margin < 1e-6
    # The outputs were compared along eager's path.
    assert [path.natural for path in report.paths if path.path.blocks[-2] == "middle"] == [1]
    assert not any(sample.name == "the example inputs" for sample in report.samples.records)


def test_a_flip_beyond_rounding_is_a_failure() -> None:
    report = check(programs.scored(offset=1e-3), networks.Scored(), torch.full((1, 4), 0.25), random=0)
    assert report.marginal == ()
    assert any("takes the decision True, eager PyTorch another" in f.message for f in report.failures)


def test_a_marginal_flip_of_a_gate_in_tensor_code() -> None:
    model = networks.EarlyExit()
    example = torch.randn(1, 4)
    with torch.no_grad():
        confidence = model(example) and model.head(torch.tanh(model.stem(example))).softmax(-1).max()
    # Eager's threshold lies just above the confidence, the program's just below.
    model.forward = lambda x: _with_threshold(model, x, confidence.item() * (1 + 2e-7))  # type: ignore[assignment]
    program = programs.early_exit(model, threshold=confidence.item() * (1 - 2e-7))
    loc = f"{__file__}:{_with_threshold.__code__.co_firstlineno + 3}"
    program.blocks["entry"].steps[0] = Read("confident", "is_confident", "bool", loc)
    report = verify(program, model, bind(model.forward, example), Interpreted(program), random=0)
    assert report.failures == ()
    # One shows on the forced path, where the read is left to the data; one on the example itself.
    assert [(flip.loc, flip.eager, flip.ours) for flip in report.marginal] == [(loc, False, True)] * 2
    assert all(0 < flip.margin < 1e-5 for flip in report.marginal)


def _with_threshold(model: networks.EarlyExit, x: Tensor, threshold: float) -> dict[str, Tensor | int]:
    h = torch.tanh(model.stem(x))
    logits = model.head(h)
    if logits.softmax(-1).max() > threshold:
        return {"logits": logits, "exit": 0}
    return {"logits": model.tail(h) * 2, "exit": 1}


def test_samples_share_their_inputs_and_name_their_paths() -> None:
    model = networks.EarlyExit()
    example, other = torch.randn(1, 4), torch.randn(1, 4)
    report = check(programs.early_exit(model), model, example, samples=[other])
    records = report.samples.records
    assert [record.name for record in records] == ["path 1", "path 2", "the example inputs", "sample 1"]
    assert [record.inputs for record in records] == ["samples/inputs_0.npz"] * 3 + ["samples/inputs_1.npz"]
    assert [read.value for read in records[0].forced] == [True]
    assert records[2].forced == ()
    assert np.array_equal(report.samples.files["samples/inputs_1.npz"]["0"], other.numpy())
    assert report.samples.files[records[0].expected]["1"].item() == 0
    assert report.samples.files[records[1].expected]["1"].item() == 1


def test_samples_are_written(tmp_path: Any) -> None:
    model = networks.EarlyExit()
    samples = check(programs.early_exit(model), model, torch.randn(1, 4), random=0).samples
    samples.write(tmp_path)
    for file, arrays in samples.files.items():
        with np.load(tmp_path / file) as stored:
            assert sorted(stored.files) == sorted(arrays)
            assert all(np.array_equal(stored[key], arrays[key]) for key in arrays)


def test_a_sample_of_another_structure_is_refused() -> None:
    model = networks.EarlyExit()
    with pytest.raises(SignatureError, match="sample 1 is not of the structure"):
        check(programs.early_exit(model), model, torch.randn(1, 4), samples=[{"x": [torch.randn(1, 4)]}])


def test_progress_is_told() -> None:
    model = networks.EarlyExit()
    told: list[tuple[int, int]] = []
    check(
        programs.early_exit(model),
        model,
        torch.randn(1, 4),
        random=2,
        progress=lambda a, b: told.append((a, b)),
    )
    assert told == [(i + 1, 7) for i in range(7)]


def test_an_executable_that_leaves_its_program_is_a_failure() -> None:
    model = networks.EarlyExit()
    program = programs.early_exit(model)

    class Astray(Interpreted):
        def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Any:
            trace = super().run_forced(args, kwargs, forced)
            return replace(trace, path=("entry", "leave"), decisions=(("", False),))

    report = verify(program, model, bind(model.forward, torch.randn(1, 4)), Astray(program), random=0)
    assert not report.ok
    assert "goes a way that its program does not have: entry leave" in str(report.failures[0])


def test_an_executable_that_breaks_down_is_a_failure() -> None:
    model = networks.EarlyExit()
    program = programs.early_exit(model)

    class Broken(Interpreted):
        def run_forced(self, args: Any, kwargs: Any, forced: Any) -> Any:
            raise RuntimeError("no kernel")

    report = verify(program, model, bind(model.forward, torch.randn(1, 4)), Broken(program), random=0)
    assert not report.ok
    assert all("the compiled network fails: RuntimeError: no kernel" in f.message for f in report.failures)


@pytest.mark.parametrize("kind", [networks.SkipsLate, networks.Halts, networks.ConstantBeside])
def test_tests_that_the_compiler_decided_are_not_taken_for_others_of_their_line(kind: type[torch.nn.Module]) -> None:
    report = report_on(kind(), torch.randn(2, 4))
    assert report.failures == ()
    assert report.never_taken == ()
    assert all(path.forced + path.natural >= 2 for path in report.paths)


def test_a_wrong_test_beside_a_constant_one_is_found() -> None:
    def turn(program: Program) -> None:
        block = next(b for b in program.blocks.values() if isinstance(b.terminator, Branch))
        assert isinstance(block.terminator, Branch)
        block.terminator = Branch(
            Apply("not", (block.terminator.test,)),
            block.terminator.then,
            block.terminator.orelse,
            block.terminator.loc,
        )

    assert not report_on(networks.ConstantBeside(), torch.randn(2, 4), change=turn).ok


def test_an_element_of_a_constant_that_data_chooses_is_data() -> None:
    report = report_on(networks.ChoosesAConstant(), torch.tensor([0.1, 0.9, -0.5, 0.3]))
    assert report.failures == ()
    assert len(report.paths) == 4


class Converts(torch.nn.Module):
    """Makes an int and a bool of a float."""

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(x.abs().amax() * 2) % 4):
            x = x * 0.5
        return x + 1 if x[0, 0] else x


def test_a_float_that_becomes_another_number_is_compared_as_it_is() -> None:
    report = report_on(Converts(), torch.tensor([[0.3, -1.4]]))
    assert report.failures == ()
    assert report.complete
