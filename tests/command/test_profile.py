"""``adaptc profile``, and compiles that are given what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import adaptc
from adaptc.compiler.profile import read_profile
from adaptc.runtime.errors import AdaptcError

from .conftest import Run


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    """A folder of nine inputs of `networks.GATED` that go one way and one that goes the other."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    for number in range(10):
        np.savez(folder / f"{number}.npz", x=np.full((1, 4), 0.0 if number == 3 else 10.0, dtype=np.float32))
    return folder


def test_a_folder_of_inputs(run: Run, gated: Path, inputs: Path, tmp_path: Path) -> None:
    file = tmp_path / "gated.json"
    ran = run("profile", gated, inputs, "-o", file)
    assert ran.code == 0, ran.err
    assert "true 9, false 1" in ran.out or "true 1, false 9" in ran.out
    assert "90% of the calls" in ran.out
    profile = read_profile(file)
    assert profile.calls == 10
    assert sorted(path.calls for path in profile.paths) == [1, 9]
    (ways,) = profile.ways.values()
    assert sorted(ways) == [1, 9]


def test_files_and_samples_in_json(run: Run, gated: Path, inputs: Path, tmp_path: Path) -> None:
    ran = run("profile", gated, inputs / "1.npz", inputs / "2.npz", "--samples", "-o", tmp_path / "p.json", "--json")
    samples = len(json.loads((gated / "manifest.json").read_text())["samples"])
    assert ran.json["calls"] == 2 + samples


def test_the_compile_makes_the_usual_path_fast(run: Run, gated: Path, inputs: Path, tmp_path: Path) -> None:
    file, artifact = tmp_path / "gated.json", tmp_path / "fast"
    run("profile", gated, inputs, "-o", file)
    model = gated.parent / "gated.py"
    ran = run("compile", model, "-o", artifact, "--profile", file)
    assert ran.code == 0, ran.err
    for number in (0, 3):
        x = np.load(inputs / f"{number}.npz")["x"]
        assert np.allclose(adaptc.load(artifact)(x), adaptc.load(gated)(x), rtol=1e-5)
    x = np.load(inputs / "0.npz")["x"]
    assert len(adaptc.load(artifact).trace(x).units) == 1
    assert run("verify", artifact, "--model", model).code == 0


def test_a_profile_of_another_network_is_refused(
    run: Run, gated: Path, exits: Path, inputs: Path, tmp_path: Path
) -> None:
    file = tmp_path / "gated.json"
    run("profile", gated, inputs, "-o", file)
    ran = run("compile", exits.parent / "exits.py", "-o", tmp_path / "wrong", "--profile", file)
    assert ran.code == 1
    assert "was recorded on gated, whose decisions differ from those of exits" in ran.err
    assert not (tmp_path / "wrong").exists()


def test_what_is_no_profile(run: Run, gated: Path, tmp_path: Path) -> None:
    model = gated.parent / "gated.py"
    ran = run("compile", model, "-o", tmp_path / "wrong", "--profile", tmp_path / "missing.json")
    assert ran.code == 1
    assert "cannot read the profile" in ran.err
    other = tmp_path / "other.json"
    other.write_text("{}")
    with pytest.raises(AdaptcError, match=r"is no profile: .*; one is written by: adaptc profile ARTIFACT INPUTS -o"):
        read_profile(other)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to record: pass .npz files or folders of them, or --samples"),
        (["{folder}"], "there is no .npz file in the folder"),
        (["{folder}/x.npy"], "is no .npz file"),
        (["{folder}/none.npz"], "there is no file"),
    ],
)
def test_inputs_that_are_none(run: Run, gated: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    ran = run(
        "profile", gated, *[argument.format(folder=tmp_path) for argument in arguments], "-o", tmp_path / "p.json"
    )
    assert ran.code == 1
    assert message in ran.err


def test_an_array_of_another_name_is_told(run: Run, gated: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", y=np.zeros((1, 4), dtype=np.float32))
    ran = run("profile", gated, tmp_path / "x.npz", "-o", tmp_path / "p.json")
    assert ran.code == 1
    assert "there is no input 'y'" in ran.err
