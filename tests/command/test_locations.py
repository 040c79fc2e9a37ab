"""What leaves the compiler names the user's files without the folders that this machine keeps them in."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from adaptc.compiler.locations import Locations

from . import networks
from .conftest import Run

NETWORK, _, MODEL = networks.EXITS.partition("def model")
MODEL = f"import torch\nfrom nets.exits import Exits\n\n\ndef model{MODEL}"


def test_artifacts_and_mlir_name_no_folder_of_this_machine(run: Run, in_folder: Path) -> None:
    (in_folder / "nets").mkdir()
    networks.write(in_folder / "nets", NETWORK, "exits.py")
    networks.write(in_folder, MODEL)
    assert run("compile", "net.py", "-o", "artifact").code == 0
    for file in (in_folder / "artifact").rglob("*"):
        assert file.is_dir() or str(in_folder).encode() not in file.read_bytes(), file
    assert "# nets/exits.py:18" in (in_folder / "artifact" / "host.py").read_text()
    assert b"nets/exits.py:14" in (in_folder / "artifact" / "units" / "b0.onnx").read_bytes()
    for option in ("--mlir", "--dot", "--json"):
        shown = run("inspect", "net.py", option).out
        assert "nets/exits.py" in shown
        assert str(in_folder) not in shown


def test_problems_found_in_units_show_the_line(run: Run, in_folder: Path) -> None:
    text = networks.GATED.replace("self.head(h)", "torch.linalg.svd(self.head(h))[1]")
    file = networks.write(in_folder, text, "gated.py")
    ran = run("compile", "gated.py")
    assert ran.code == 1
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "svd" in line)
    assert f"\n{file.name}:{line}: " in ran.err
    assert "return torch.linalg.svd(self.head(h))[1]" in ran.err


def test_files_begin_at_site_packages_the_folder_or_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = sysconfig.get_path("purelib")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "src"), str(tmp_path / "elsewhere"), packages])
    locations = Locations(tmp_path)
    assert locations.short(f"{packages}/transformers/models/bert.py:7") == "transformers/models/bert.py:7"
    assert locations.short(f"{tmp_path}/src/net.py:7") == "src/net.py:7"
    assert Locations().short(f"{tmp_path}/src/net.py:7") == "net.py:7"
    assert Locations().short(f"{tmp_path}/other/net.py:7") == f"{tmp_path}/other/net.py:7"
    assert locations.short(f"read at {tmp_path}/a.py:1, and '{tmp_path}/b.py:2'") == "read at a.py:1, and 'b.py:2'"
    assert locations.short(f"/mnt{tmp_path}/a.py:1") == f"/mnt{tmp_path}/a.py:1"
