"""Bad input: each ends with one clear message, exit code 1, and nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adaptc.command import compile as compile_subcommand

from . import networks
from .conftest import Ran, Run, everything


def one_message(ran: Ran) -> str:
    """The message of a run that failed as it should: on stderr, alone, without a traceback."""
    assert ran.code == 1
    assert ran.out == ""
    assert ran.err.startswith("error: ")
    assert ran.err.count("error: ") == 1
    assert "Traceback" not in ran.err
    return ran.err.removeprefix("error: ").rstrip("\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import torch\nimport nonsuch\n", "net.py:2: ModuleNotFoundError: No module named 'nonsuch'"),
        ("x = (1,\n", "SyntaxError: '(' was never closed"),
        (networks.GATED.replace("model =", "net ="), "has no `model`: it has the modules net; pass --name net"),
        (networks.GATED.replace("example_inputs", "inputs"), "has no `example_inputs`: add a line such as"),
        (networks.GATED.replace("(torch.ones(1, 4),)", "'x'"), "`example_inputs` in"),
        (networks.GATED.replace("(torch.ones(1, 4),)", "(1, 2, 3)"), "the example inputs do not fit forward(x)"),
        (
            networks.GATED.replace("torch.ones(1, 4)", "torch.ones(1, 9)"),
            "net.py:14: the network fails on its example inputs: RuntimeError: ",
        ),
    ],
)
@pytest.mark.parametrize("subcommand", ["compile", "check"])
def test_model_files(run: Run, in_folder: Path, subcommand: str, text: str, message: str) -> None:
    networks.write(in_folder, text)
    assert message in one_message(run(subcommand, "net.py"))
    assert everything(in_folder) == {"net.py"}


def test_train_mode(run: Run, in_folder: Path) -> None:
    text = networks.GATED.replace(".eval()", "").replace("nn.Linear(8, 8)", "nn.Sequential(nn.Dropout(0.3))")
    text = text.replace("nn.Linear(4, 8)", "nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))")
    networks.write(in_folder, text)
    message = one_message(run("compile", "net.py"))
    assert "dropout is active in heavy.0 (Dropout, p=0.3)" in message
    assert "batch statistics are used in stem.1 (BatchNorm1d)" in message
    assert "call model.eval()" in message
    assert everything(in_folder) == {"net.py"}


def test_several_constructs_at_once_with_their_lines(run: Run, in_folder: Path) -> None:
    branch = "            h = torch.tanh(self.heavy(h))\n"
    text = networks.GATED.replace(
        branch, branch + "            h = h + h.numpy()\n        else:\n            return {h}\n"
    )
    networks.write(in_folder, text)
    message = one_message(run("check", "net.py"))
    assert "the network cannot be compiled: 2 problems" in message
    for place, source in (("net.py:17: ", "h = h + h.numpy()"), ("net.py:19: ", "return {h}")):
        (at,) = [number for number, line in enumerate(message.splitlines()) if place in line]
        lines = message.splitlines()[at:]
        assert lines[1].strip() == source
        assert set(lines[2].strip()) == {"^"}
        assert lines[3].startswith("  why: ")
        assert lines[4].startswith("  instead: ")
    answer = run("check", "net.py", "--json").json
    assert answer["ok"] is False
    assert answer["error"] == "CompileError"
    assert [problem["line"] for problem in answer["problems"]] == [17, 19]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x:0", "is not of the form input:axis=name"),
        ("y:0=batch", "there is no input 'y'; the inputs are 'x'"),
        ("x:7=batch", "'x' has no axis 7"),
    ],
)
def test_dynamic_dimensions(run: Run, in_folder: Path, spec: str, message: str) -> None:
    networks.write(in_folder, networks.GATED)
    assert message in one_message(run("compile", "net.py", "--dynamic", spec))
    assert everything(in_folder) == {"net.py"}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones((1, 4), np.float64), "float64"),
        (np.ones((1, 2, 4), np.float32), "(1, 2, 4)"),
        (np.ones((1, 5), np.float32), "5"),
        (np.ones((1, 4), np.int64), "int64"),
    ],
)
def test_inputs_of_the_wrong_dtype_rank_or_size(
    run: Run,
    gated: Path,
    in_folder: Path,
    array: np.ndarray,
    message: str,  # type: ignore[type-arg]
) -> None:
    np.save("x.npy", array)
    text = one_message(run("run", gated, "--input", "x=x.npy", "--save", "out.npz"))
    assert "'x'" in text
    assert "float32[1, 4]" in text
    assert message in text
    assert everything(in_folder) == {"x.npy"}


def test_inputs_of_the_wrong_name_or_none(run: Run, gated: Path, in_folder: Path) -> None:
    np.save("x.npy", np.ones((1, 4), np.float32))
    assert "there is no input 'y'; the inputs are x" in one_message(run("run", gated, "--input", "y=x.npy"))
    assert "nothing is given for x: pass --input x=FILE.npy, or --random" in one_message(run("run", gated))
    assert "out.csv" in one_message(run("run", gated, "--random", "--save", "out.csv"))


def missing(folder: Path) -> None:
    (folder / "units" / "b0.onnx").unlink()


def truncated(folder: Path) -> None:
    file = folder / "units" / "weights.bin"
    file.write_bytes(file.read_bytes()[:-8])


def flipped(folder: Path) -> None:
    file = folder / "units" / "weights.bin"
    data = bytearray(file.read_bytes())
    data[3] ^= 1
    file.write_bytes(data)


def newer(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "schema": 999}))


def outside(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../secret"] = manifest["files"].pop("host.py")
    (folder / "manifest.json").write_text(json.dumps(manifest))


def not_one(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing, "b0.onnx is missing"),
        (truncated, "weights.bin is truncated"),
        (flipped, "weights.bin is changed"),
        (newer, "written by a newer version of adaptc: its schema is 999"),
        (outside, "../secret"),
        (not_one, "manifest.json is missing"),
    ],
)
@pytest.mark.parametrize("arguments", [("run", "--random"), ("verify",), ("inspect",)])
def test_artifacts(
    run: Run, gated: Path, tmp_path: Path, arguments: tuple[str, ...], damage: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "artifact"
    shutil.copytree(gated, folder)
    damage(folder)
    assert message in one_message(run(arguments[0], folder, *arguments[1:]))


def test_no_artifact_and_an_unknown_engine(run: Run, gated: Path, tmp_path: Path) -> None:
    assert "there is no artifact at" in one_message(run("run", tmp_path / "nowhere", "--random"))
    assert "there is no engine 'warp'" in one_message(run("run", gated, "--random", "--engine", "warp"))
    assert "there is no engine 'warp'" in one_message(run("verify", gated, "--engine", "warp"))


def test_an_artifact_without_samples(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED)
    assert run("compile", "net.py", "--no-verify").code == 0
    assert "carries no samples" in one_message(run("verify", "net-artifact"))


@pytest.mark.parametrize("name", ["locked/artifact", "locked/one.adaptc"])
def test_a_folder_without_write_permission(
    run: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # the superuser may write everywhere

    networks.write(in_folder, networks.GATED)
    (in_folder / "locked").mkdir()
    monkeypatch.setattr(tempfile, "mkdtemp", refused)
    message = one_message(run("compile", "net.py", "-o", name))
    assert message.startswith("cannot write ")
    assert message.endswith(f"{name}: Permission denied")
    assert everything(in_folder) == {"net.py", "locked"}


def test_outputs_that_cannot_be_written(run: Run, gated: Path, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED)
    for name in ("net.py/artifact", "net.py/one.adaptc"):
        assert "cannot write" in one_message(run("compile", "net.py", "-o", name))
    assert "net.py is a file" in one_message(run("compile", "net.py", "-o", "net.py"))
    assert "cannot write" in one_message(run("run", gated, "--random", "--save", "nowhere/out.npz"))
    assert everything(in_folder) == {"net.py"}
    assert (in_folder / "net.py").read_text().strip() == networks.GATED.strip()


def test_what_nobody_foresaw(run: Run, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("a fault of adaptc's own")

    networks.write(in_folder, networks.GATED)
    monkeypatch.setattr(compile_subcommand, "load_model", fails)
    message = one_message(run("compile", "net.py"))
    assert "unexpected ZeroDivisionError: a fault of adaptc's own, raised at " in message
    assert "--traceback" in message
    assert "Traceback (most recent call last)" in run("compile", "net.py", "--traceback").err
    assert run("compile", "net.py", "--json").json["error"] == "ZeroDivisionError"


def test_an_interrupt_is_130_and_leaves_nothing(run: Run, in_folder: Path) -> None:
    text = networks.GATED.replace(
        "(torch.ones(1, 4),)", "(torch.ones(1, 4),)\n\ndef stop(*_):\n    raise KeyboardInterrupt"
    )
    text = text.replace("h = torch.relu(self.stem(x))", "h = torch.relu(self.stem(x)); stop()")
    networks.write(in_folder, text)
    ran = run("compile", "net.py")
    assert (ran.code, ran.out, ran.err) == (130, "", "interrupted\n")
    assert everything(in_folder) == {"net.py"}
