"""The subcommands: what they print, their JSON, and their exit codes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adaptc.compiler.model_file import load_model_file

from . import networks
from .conftest import Run, everything


def model_file(artifact: Path) -> Path:
    """The model file beside an artifact of the fixtures."""
    return artifact.with_name(artifact.name.removesuffix("-artifact") + ".py")


def narrow(text: str) -> bool:
    """Whether every line fits 80 columns and holds neither colour codes nor spaces at its end."""
    return all(len(line) <= 80 and line == line.rstrip() for line in text.splitlines()) and "\x1b" not in text


def test_compile_prints_a_table_of_paths(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.EXITS, "exits.py")
    ran = run("compile", "exits.py")
    assert (ran.code, ran.err) == (0, "")
    assert narrow(ran.out)
    first, *_ = ran.out.splitlines()
    assert first == "exits: 3 branches on data, 7 blocks in 3 units, run as 1 graph"
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("path ")][1:]
    assert "path     decisions in exits.py   compared" in ran.out
    assert [row[2:4 + number] for number, row in zip((1, 2, 3, 3), rows)] == [
        ["line", "16:", "T"], ["line", "16:", "F", "T"], ["line", "16:", "F", "F", "T"], ["line", "16:", "F", "F", "F"],
    ]  # fmt: skip
    assert all(float(row[-1]) < 1e-5 for row in rows)
    assert "verified on every path of the network" in ran.out
    assert "adaptc run exits-artifact --random --trace" in ran.out
    assert {"exits.py", "exits-artifact", "exits-artifact/manifest.json"} <= everything(in_folder)
    assert not [name for name in everything(in_folder) if name.startswith(".")]


def test_compile_in_json(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, "print('hello from the model file')\n" + networks.GATED, "gated.py")
    ran = run("compile", "gated.py", "-o", "out.adaptc", "--json", "--random-inputs", "2")
    assert ran.code == 0
    assert ran.json["ok"] is True
    assert ran.json["artifact"] == "out.adaptc"
    assert [path["forced"] for path in ran.json["paths"]] == [2, 2]
    assert sum(path["natural"] for path in ran.json["paths"]) == 3
    assert "hello from the model file" in ran.err
    assert everything(in_folder) == {"gated.py", "out.adaptc"}


def test_compile_with_options(run: Run, in_folder: Path) -> None:
    text = networks.GATED.replace("model = Gated()", "small = Gated()").replace("example_inputs", "unused")
    networks.write(in_folder, text, "gated.py")
    ran = run(
        "compile", "gated.py", "--name", "small", "--input", "x=float32[3,4]", "--dynamic", "x:0=batch", "--no-verify"
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "not verified (--no-verify)" in ran.out
    ran = run("run", "small-artifact", "--random", "--size", "batch=7", "--json")
    assert ran.json["outputs"]["output"]["shape"] == [7, 3]


def test_run_gives_what_the_network_gives(run: Run, exits: Path, in_folder: Path) -> None:
    model = load_model_file(model_file(exits)).model
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(5))
    expected = model(x)
    np.save(in_folder / "x.npy", x.numpy())
    ran = run("run", exits, "--input", "x=x.npy", "--json", "--save", "out.npz")
    assert ran.code == 0, ran.err
    logits = np.array(ran.json["outputs"]["logits"]["values"], np.float32)
    np.testing.assert_allclose(logits, expected["logits"].detach().numpy(), rtol=1e-5, atol=1e-6)
    assert ran.json["outputs"]["exit"] == expected["exit"]
    assert ran.json["latency_seconds"] > 0
    with np.load(in_folder / "out.npz") as saved:
        np.testing.assert_array_equal(saved["logits"], logits)
        assert saved["exit"] == expected["exit"]
    assert everything(in_folder) == {"x.npy", "out.npz"}


def test_run_shows_outputs_path_and_trace(run: Run, exits: Path, in_folder: Path) -> None:
    np.save(in_folder / "x.npy", 10 * np.ones((1, 4), np.float32))
    ran = run("run", exits, "--input", "x.npy", "--trace", "--repeat", "5")
    assert (ran.code, ran.err) == (0, "")
    assert narrow(ran.out)
    assert "path     path 1 in exits.py, line 16: T" in ran.out
    assert "(median of 5 calls; tracing adds to it)" in ran.out
    best = int(load_model_file(model_file(exits)).model(10 * torch.ones(1, 4))["logits"].argmax())
    (row,) = [line.split() for line in ran.out.splitlines() if line.startswith("logits")]
    assert row[1] == "float32[1,5]"
    assert row[-1] == str(best)
    shares = [line.split() for line in ran.out.splitlines() if line.endswith("%")]
    assert [share[0] for share in shares] == ["b0", "host"]
    assert abs(sum(int(share[-1].rstrip("%")) for share in shares) - 100) <= 1  # rounded


def test_the_times_of_a_traced_call_add_up(run: Run, exits: Path) -> None:
    traced = run("run", exits, "--random", "--trace", "--repeat", "4", "--json").json
    times = [unit["seconds"] for unit in traced["units"]]
    assert min(*times, traced["host_seconds"]) > 0
    assert sum(times) + traced["host_seconds"] == pytest.approx(traced["latency_seconds"])
    assert "units" not in run("run", exits, "--random", "--json").json


def test_run_on_an_image(run: Run, in_folder: Path) -> None:
    text = networks.GATED.replace("x))", "x.mean((1, 2))))").replace("torch.ones(1, 4)", "torch.ones(1, 3, 2, 4)")
    networks.write(in_folder, text, "gated.py")
    assert run("compile", "gated.py", "--no-verify").code == 0
    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
    Image.fromarray(pixels).save("picture.png")
    ran = run("run", "gated-artifact", "--input", "x=picture.png", "--json")
    assert ran.code == 0, ran.err
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    expected = load_model_file(in_folder / "gated.py").model(x).detach().numpy()
    np.testing.assert_allclose(ran.json["outputs"]["output"]["values"], expected, rtol=1e-5, atol=1e-6)


def test_random_inputs_repeat_with_their_seed(run: Run, exits: Path) -> None:
    def logits(*options: str) -> object:
        return run("run", exits, "--random", "--json", *options).json["outputs"]["logits"]

    assert logits() == logits("--seed", "0")
    assert logits() != logits("--seed", "1")
    assert logits("--size", "batch=6")["shape"] == [6, 5]  # type: ignore[index]


def test_verify_runs_the_samples_again(run: Run, exits: Path) -> None:
    ran = run("verify", exits)
    assert (ran.code, ran.err) == (0, "")
    assert narrow(ran.out)
    assert "7 samples verified" in ran.out  # four paths, the example inputs, two samples
    answer = run("verify", exits, "--json").json
    assert answer["ok"] is True
    assert [sample["name"] for sample in answer["samples"]][:4] == ["path 1", "path 2", "path 3", "path 4"]


def test_verify_with_the_network(run: Run, exits: Path) -> None:
    ran = run("verify", exits, "--model", model_file(exits))
    assert (ran.code, ran.err) == (0, "")
    assert "verified on every path of the network" in ran.out


def test_verify_with_a_network_that_changed(run: Run, exits: Path, in_folder: Path) -> None:
    networks.write(in_folder, networks.EXITS.replace("manual_seed(0)", "manual_seed(1)"), "exits.py")
    ran = run("verify", exits, "--model", "exits.py")
    assert ran.code == 1
    assert "the artifact differs from the network" in ran.out
    assert "output['logits']" in ran.out
    assert run("verify", exits, "--model", "exits.py", "--json").json["ok"] is False
    networks.write(in_folder, networks.EXITS.replace("range(3)", "range(4)"), "exits.py")
    ran = run("verify", exits, "--model", "exits.py")
    assert (ran.code, ran.out) == (1, "")
    assert "was not compiled from this network" in ran.err


def test_inspect_an_artifact_and_its_network(run: Run, exits: Path) -> None:
    for target in (exits, model_file(exits)):
        ran = run("inspect", target)
        assert (ran.code, ran.err) == (0, "")
        assert narrow(ran.out)
        assert "exits: 7 blocks, 3 branches on data" in ran.out
        assert "if torch.softmax(logits, -1).max() > 0.5:" in ran.out
        answer = run("inspect", target, "--json").json
        assert [block["ops"] for block in answer["blocks"]] == [7, 7, 7, 0, 0, 0, 0]
        assert [block["weight_bytes"] for block in answer["blocks"]][:3] == [4 * (4 * 4 + 4 + 5 * 4 + 5)] * 3
        dot = run("inspect", target, "--dot").out
        assert dot.startswith('digraph "exits" {')
        assert dot.count("->") == 6


@pytest.mark.parametrize("artifact", ["gated-artifact", "gated.adaptc"])
def test_compile_and_inspect_agree_on_sizes(run: Run, in_folder: Path, artifact: str) -> None:
    networks.write(in_folder, networks.GATED, "gated.py")
    number = r"[\d.]+ K?i?B"
    compiled = run("compile", "gated.py", "-o", artifact, "--no-verify").out
    inspected = run("inspect", artifact).out
    for name in ("artifact", "weights"):
        (told,) = re.findall(rf"^{name} .*?({number})\b", compiled, re.MULTILINE)
        (shown,) = re.findall(rf"^{name} +({number})$", inspected, re.MULTILINE)
        assert told == shown


def test_inspect_as_text_for_other_tools(run: Run, exits: Path) -> None:
    mlir = run("inspect", model_file(exits), "--mlir").out
    assert "func.func @exits" in mlir
    assert mlir.count("cf.cond_br") == 3
    host = run("inspect", exits, "--host").out
    compile(host, "host.py", "exec")
    assert host.strip() == (exits / "host.py").read_text().strip()


def test_inspect_says_what_it_cannot_show(run: Run, exits: Path) -> None:
    ran = run("inspect", exits, "--mlir")
    assert ran.code == 1
    assert f"{exits} is an artifact" in ran.err
    assert "adaptc inspect MODEL.py --mlir" in ran.err
    assert "--host shows an artifact's host.py" in run("inspect", model_file(exits), "--host").err
    assert run("inspect", exits, "--host", "--dot").code == 2


def test_check_lists_the_branches(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.EXITS, "exits.py")
    ran = run("check", "exits.py")
    assert (ran.code, ran.err) == (0, "")
    assert "exits.py can be compiled: 3 branches on data, 7 blocks" in ran.out
    assert "if torch.softmax(logits, -1).max() > 0.5:" in ran.out
    assert everything(in_folder) == {"exits.py"}
    assert [branch["loc"] for branch in run("check", "exits.py", "--json").json["branches"]] == ["exits.py:16"] * 3


def test_a_network_without_branches(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED.replace("if h.mean() > 0.3:", "if True:"), "plain.py")
    assert "0 branches on data, 1 block" in run("check", "plain.py").out
    ran = run("compile", "plain.py")
    assert ran.code == 0, ran.err
    assert "path 1   none" in ran.out
    assert "path     path 1: no decisions" in run("run", "plain-artifact", "--random").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("compile",),
        ("compile", "net.py", "--frobnicate"),
        ("compil", "net.py"),
        ("run", "artifact", "--repeat", "0"),
        ("run", "artifact", "--threads", "none"),
    ],
)
def test_usage_errors_are_2(run: Run, arguments: tuple[str, ...]) -> None:
    ran = run(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: adaptc" in ran.err


def test_help_and_version(run: Run) -> None:
    assert run("--version").out.startswith("adaptc 0.")
    for arguments in (
        ["--help"],
        ["compile", "-h"],
        ["run", "-h"],
        ["verify", "-h"],
        ["inspect", "-h"],
        ["check", "-h"],
    ):
        ran = run(*arguments)
        assert ran.code == 0
        assert narrow(ran.out)


def test_verify_with_the_network_takes_the_dimensions_of_the_artifact(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED, "gated.py")
    assert run("compile", "gated.py", "--dynamic", "x:0=batch", "-o", "varied").code == 0
    ran = run("verify", "varied", "--model", "gated.py")
    assert (ran.code, ran.err) == (0, "")
    assert "verified on every path of the network" in ran.out


UNSUPPORTED = """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return torch.special.bessel_j0(x) + self.noise(x)

    def noise(self, x):
        return torch.randn_like(x)


model = Net().eval()
example_inputs = torch.randn(2, 3)
"""


def test_check_finds_operators_without_a_unit(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, UNSUPPORTED, "bessel.py")
    ran = run("check", "bessel.py", "--random-seed", "0")
    assert (ran.code, ran.out) == (1, "")
    assert "\nbessel.py:8: operator prims.bessel_j0.default" in ran.err
    assert everything(in_folder) == {"bessel.py"}


@pytest.mark.parametrize("command", ["check", "inspect"])
def test_the_seed_of_drawn_numbers_is_given_to_each_command(run: Run, in_folder: Path, command: str) -> None:
    networks.write(in_folder, UNSUPPORTED.replace("torch.special.bessel_j0(x)", "x"), "noisy.py")
    assert "--random-seed 0" in run(command, "noisy.py").err
    assert run(command, "noisy.py", "--random-seed", "0").code == 0


ROUTED = """
import torch
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        none = x[(x > 1) & (x < 0)]
        if none.shape[0] == 1:
            x = x + 1
        return x


model = Net().eval()
example_inputs = torch.ones(2, 3)
"""


def test_paths_that_no_inputs_take_do_not_count_as_verified(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, ROUTED, "routed.py")
    ran = run("compile", "routed.py")
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("path ")][1:]
    assert {row[-1] for row in rows if row[-3:-1] == ["not", "compared"]} == {"-"}
    compared = sum(row[-3:-1] != ["not", "compared"] for row in rows)
    assert 0 < compared < len(rows)
    assert f"verified on {compared} of the network's {len(rows)} paths" in " ".join(ran.out.split())
    samples = run("verify", "routed-artifact", "--json").json["samples"]
    assert len(samples) <= 3


def test_a_network_is_no_artifact(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED, "gated.py")
    ran = run("run", "gated.py", "--random")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "error: gated.py is a network, not an artifact: compile it first (adaptc compile gated.py)\n"


def test_a_single_model_is_no_artifact(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, networks.GATED, "gated.py")
    assert run("compile", "gated.py", "-o", "gated.onnx").code == 0
    ran = run("verify", "gated.onnx")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: gated.onnx is an ONNX model, not an artifact: onnxruntime runs it as it is; ")


COUNTED = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        if self.calls > 9:
            x = x + 1
        return x


model = Net().eval()
example_inputs = torch.ones(2, 3)
"""


def test_what_no_call_of_a_verified_session_took_is_said(run: Run, in_folder: Path) -> None:
    networks.write(in_folder, COUNTED, "counted.py")
    ran = run("compile", "counted.py")
    assert (ran.code, ran.err) == (0, "")
    assert "in none of these calls the test at counted.py:13 went true" in " ".join(ran.out.split())
