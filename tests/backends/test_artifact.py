"""Artifacts: whole or not at all, and what they hold runs as the program does."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

import adaptc.compiler.artifact
from adaptc.compiler.artifact import complete, pack, staged, write_artifact, write_contents
from adaptc.compiler.errors import CompileError
from adaptc.compiler.host import host_program
from adaptc.compiler.ir.interpret import interpret
from adaptc.compiler.ir.program import Program
from adaptc.runtime import load
from adaptc.runtime.engines.channels import channels_in_a_block
from adaptc.runtime.errors import AdaptcError, NetworkError
from adaptc.runtime.hostprogram import Call, Jump, Read, Ref
from adaptc.runtime.manifest import Manifest
from adaptc.runtime.manifest import Sample as SampleRow

from ..ir.builder import ProgramBuilder, edge, give, make_code, tensor
from ..ir.programs import SAMPLES, Sample, early_exit, skip_gates


def assert_same(result: Any, expected: Any) -> None:
    """The same structure, and the same values within rounding."""
    if isinstance(expected, torch.Tensor):
        assert result.dtype.name == str(expected.dtype).removeprefix("torch.")
        np.testing.assert_allclose(result, expected.numpy(), rtol=1e-5, atol=1e-5)
    elif isinstance(expected, dict):
        assert list(result) == list(expected)
        assert_same(list(result.values()), list(expected.values()))
    elif isinstance(expected, (list, tuple)):
        assert isinstance(result, tuple) == isinstance(expected, tuple)
        assert len(result) == len(expected)
        for item, wanted in zip(result, expected, strict=True):
            assert_same(item, wanted)
    else:
        assert type(result) is type(expected)
        assert result == pytest.approx(expected)


@pytest.mark.parametrize("make", SAMPLES)
@pytest.mark.parametrize("by_block", [False, True])
def test_an_artifact_runs_as_eager_pytorch(make: Callable[..., Sample], by_block: bool, tmp_path: Path) -> None:
    sample = make()
    write_artifact(sample.program, tmp_path / "net", None, {}, {})
    executable = load(tmp_path / "net", by_block=by_block)
    for case in sample.cases:
        arrays = [value.numpy() for value in case]
        raised = interpret(sample.program, case).raises
        if raised:
            with pytest.raises(NetworkError) as caught:
                executable(*arrays)
            assert caught.value.exception == raised
        else:
            assert_same(executable(*arrays), sample.eager(*case))


def test_what_an_artifact_holds(tmp_path: Path) -> None:
    report = {"paths": [{"name": "exit"}]}
    manifest = write_artifact(early_exit().program, tmp_path / "net", None, report, {"torch": "2.13"})
    names = {path.relative_to(tmp_path / "net").as_posix() for path in (tmp_path / "net").rglob("*.*")}
    channels = channels_in_a_block()
    assert names - {f"units/region_entry.nchw{channels}c.onnx"} == {
        "manifest.json",
        "host.json",
        "plan.json",
        "host.py",
        "report.json",
        "units/entry.onnx",
        "units/deeper.onnx",
        "units/region_entry.onnx",
        "units/weights.bin",
    }
    assert len(names) == 9 + (channels > 0)
    assert set(manifest.files) == names - {"manifest.json"}
    assert manifest.provenance == {"torch": "2.13"}
    assert load(tmp_path / "net").paths == report["paths"]
    assert [unit.loc for unit in manifest.units] == ["model.py:10", "model.py:14", "model.py:10"]
    assert manifest.units[0].weights == ("stem.weight", "stem.bias", "exit.weight", "exit.bias")


def failing(program: Program, folder: Path, *_: Any) -> Any:
    (folder / "units").mkdir()
    (folder / "units" / "half.onnx").write_text("half")
    raise CompileError([])


def test_a_failure_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adaptc.compiler.artifact, "write_units", failing)
    with pytest.raises(CompileError):
        write_artifact(early_exit().program, tmp_path / "deep" / "net", None, {}, {})
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "net"
    write_artifact(early_exit().program, target, None, {}, {})
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    monkeypatch.setattr(adaptc.compiler.artifact, "write_units", failing)
    with pytest.raises(CompileError):
        write_artifact(skip_gates().program, target, None, {}, {})
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_an_artifact_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "net"
    write_artifact(early_exit().program, target, None, {}, {})
    write_artifact(skip_gates().program, target, None, {}, {})
    assert not (target / "units" / "deeper.onnx").exists()
    assert load(target).name == "skip_gates"
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_other_things_are_not_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter.tex").write_text("years of work")
    with pytest.raises(AdaptcError, match="holds no artifact"):
        write_artifact(early_exit().program, folder, None, {}, {})
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(AdaptcError, match="holds no artifact"):
        write_artifact(early_exit().program, folder, None, {}, {})
    with pytest.raises(AdaptcError, match="is a file"):
        write_artifact(early_exit().program, folder / "chapter.tex", None, {}, {})
    assert (folder / "chapter.tex").read_text() == "years of work"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    write_artifact(early_exit().program, tmp_path / "net", None, {}, {})
    assert load(tmp_path / "net").name == "early_exit"


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AdaptcError, match=r"cannot write .*net: ") as caught:
        write_artifact(early_exit().program, tmp_path / "file" / "net", None, {}, {})
    assert "\n" not in str(caught.value)


def test_samples_and_report_are_added_to_a_loadable_artifact(tmp_path: Path) -> None:
    class Samples:
        def __init__(self) -> None:
            self.records = [SampleRow("one", "samples/in.npz", "samples/out.npz", ("entry",))]

        def write(self, folder: Path) -> None:
            (folder / "samples").mkdir()
            for name in ("in", "out"):
                np.savez(folder / "samples" / f"{name}.npz", **{"0": np.zeros(1)})

    with staged(tmp_path / "net") as folder:
        manifest = write_contents(early_exit().program, folder, {}).manifest
        assert load(folder).report == {}
        complete(folder, manifest, Samples(), {"seconds": 2.5})
    written = msgspec.json.decode((tmp_path / "net" / "manifest.json").read_bytes(), type=Manifest)
    assert [sample.name for sample in written.samples] == ["one"]
    assert "samples/in.npz" in written.files
    assert load(tmp_path / "net").report == {"seconds": 2.5}


def test_a_packed_artifact_runs_and_is_reproducible(tmp_path: Path) -> None:
    sample = early_exit()
    write_artifact(sample.program, tmp_path / "net", None, {}, {})
    pack(tmp_path / "net", tmp_path / "one.adaptc")
    pack(tmp_path / "net", tmp_path / "two.adaptc")
    assert (tmp_path / "one.adaptc").read_bytes() == (tmp_path / "two.adaptc").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.adaptc") as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
    case = sample.cases[0]
    assert_same(load(tmp_path / "one.adaptc")(*(value.numpy() for value in case)), sample.eager(*case))
    with pytest.raises(AdaptcError, match="cannot write"):
        pack(tmp_path / "net", tmp_path / "nowhere" / "one.adaptc")


def test_names_are_unique_in_the_host_program_and_reads_keep_theirs() -> None:
    builder = ProgramBuilder("twice", {"x": tensor(3)})
    code = make_code("test", lambda x: (x + 1, x.sum() > 0), [tensor(3)])
    for name, following in (("entry", "again"), ("again", "end")):
        builder.block(
            name,
            {"x": tensor(3)},
            give(("y", tensor(3))) if following == "end" else Jump(edge(following, "y")),
            code=code,
            inputs=["x"],
            outputs=["y", "positive"],
            steps=[Read("x_2" if name == "again" else "r", "positive", "bool")],
        )
    program = host_program(builder.build(), {"entry": "u", "again": "u"})
    names = [name for block in program.blocks for name in block.params]
    names += [
        output for block in program.blocks for step in block.steps if isinstance(step, Call) for output in step.outputs
    ]
    reads = [step.name for block in program.blocks for step in block.steps if isinstance(step, Read)]
    assert reads == ["r", "x_2"]
    assert len(set(names + reads)) == len(names + reads) == 8
    again = program.blocks[1]
    (call, read) = again.steps
    assert isinstance(call, Call)
    assert call.inputs == (Ref(again.params[0]),)
    assert isinstance(read, Read)
    assert read.tensor == call.outputs[1]
