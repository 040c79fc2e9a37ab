"""Opening artifacts: every kind of damage is one `ArtifactError` that names the file."""

from __future__ import annotations

import gc
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest

from adaptc.runtime import ArtifactError, EngineError, load
from adaptc.runtime.artifact import file_table, open_artifact, write_manifest
from adaptc.runtime.manifest import SCHEMA, Manifest

from .build import early_exit, early_exit_reference, pack, rewrite

X = np.array([[0.3, -0.2, 0.5, 0.1]], np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return early_exit(tmp_path / "artifact")


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "manifest.json").read_bytes())


def edit_manifest(folder: Path, change: Callable[[Any], None]) -> None:
    data = manifest_of(folder)
    change(data)
    (folder / "manifest.json").write_text(json.dumps(data))


def flip_bit(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def truncate(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def name_unit_file(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        def rename(data: Any) -> None:
            data["units"][0]["file"] = name
            data["files"][name] = data["files"]["units/stem.onnx"]

        edit_manifest(folder, rename)

    return change


def link_outside(folder: Path) -> None:
    outside = folder.parent / "outside.onnx"
    (folder / "units" / "stem.onnx").rename(outside)
    (folder / "units" / "stem.onnx").symlink_to(outside)


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), r"manifest\.json is missing: .* is not an artifact"),
    "manifest is no JSON": (lambda f: (f / "manifest.json").write_text("{"), r"manifest\.json is not JSON"),
    "manifest is no UTF-8": (
        lambda f: (f / "manifest.json").write_bytes(b"\xff"),
        r"manifest\.json is not JSON",
    ),
    "manifest of other types": (
        lambda f: edit_manifest(f, lambda m: m.update(units=3)),
        r"manifest\.json does not fit this adaptc: Expected `array`, got `int` - at `\$\.units`",
    ),
    "manifest nests too deep": (
        lambda f: (f / "manifest.json").write_text(f'{{"schema": {SCHEMA}, "name": ' + "[" * 100_000),
        r"manifest\.json (nests too deep|is not JSON)",
    ),
    "newer schema": (
        lambda f: edit_manifest(f, lambda m: (m.clear(), m.update(schema=SCHEMA + 1))),
        rf"written by a newer version of adaptc: its schema is {SCHEMA + 1}, this version reads {SCHEMA}",
    ),
    "older schema, without a checksum": (
        lambda f: edit_manifest(f, lambda m: (m.pop("checksum"), m.update(schema=SCHEMA - 1))),
        rf"written by an older version of adaptc: its schema is {SCHEMA - 1}, this version reads {SCHEMA}",
    ),
    "unit missing": (lambda f: (f / "units/head.onnx").unlink(), r"units/head\.onnx is missing"),
    "unit truncated": (
        lambda f: truncate(f / "units/head.onnx", 7),
        r"units/head\.onnx is truncated: it has \d+ bytes",
    ),
    "weights truncated": (lambda f: truncate(f / "units/weights.bin", 1), r"units/weights\.bin is truncated"),
    "weights longer": (
        lambda f: (f / "units/weights.bin").open("ab").write(b"1"),
        r"units/weights\.bin is changed: it",
    ),
    "a bit of the weights": (
        lambda f: flip_bit(f / "units/weights.bin", 40),
        r"units/weights\.bin is changed: its SHA",
    ),
    "a bit of the host": (lambda f: flip_bit(f / "host.json", 9), r"host\.json is changed: its SHA"),
    "a bit of a sample": (lambda f: flip_bit(f / "samples/late.expected.npz", 99), r"late\.expected\.npz is changed"),
    "host.json is no JSON": (
        lambda f: ((f / "host.json").write_text('{"entry": '), rewrite(f)),
        r"host\.json is not JSON",
    ),
    "report.json is a list": (
        lambda f: ((f / "report.json").write_text("[1]"), rewrite(f)),
        r"report\.json does not fit this adaptc",
    ),
    "host.json not listed": (
        lambda f: edit_manifest(f, lambda m: m["files"].pop("host.json")),
        r"does not list host\.json",
    ),
    "unit not listed": (
        lambda f: edit_manifest(f, lambda m: m["files"].pop("units/stem.onnx")),
        r"manifest\.json refers to units/stem\.onnx, which its table of files lacks",
    ),
    "weights not listed": (
        lambda f: edit_manifest(f, lambda m: m["files"].pop("units/weights.bin")),
        r"refers to units/weights\.bin",
    ),
    "absolute path": (name_unit_file("/etc/passwd"), r"manifest\.json names '/etc/passwd', a path that may leave"),
    "parent path": (name_unit_file("units/../../x.onnx"), r"names 'units/../../x\.onnx', a path that may leave"),
    "drive": (name_unit_file("C:x.onnx"), r"names 'C:x\.onnx', a path that may leave"),
    "backslash": (name_unit_file("..\\x.onnx"), r"a path that may leave"),
    "empty name": (name_unit_file(""), r"names '', a path that may leave"),
    "sample outside": (
        lambda f: edit_manifest(f, lambda m: m["samples"][0].update(inputs="../x.npz")),
        r"names '\.\./x\.npz', a path that may leave",
    ),
    "link outside": (link_outside, r"units/stem\.onnx is a link that leads out of the artifact"),
    "bfloat16 input": (
        lambda f: edit_manifest(f, lambda m: m["signature"]["inputs"][0].update(dtype="bfloat16")),
        r"input 'x' is bfloat16, which NumPy does not have",
    ),
    "unknown dtype": (
        lambda f: edit_manifest(f, lambda m: m["units"][0]["inputs"][0].update(dtype="float31")),
        r"'x' of unit 'stem' has the unknown dtype 'float31'",
    ),
    "argument without input": (
        lambda f: edit_manifest(f, lambda m: m["signature"]["arguments"][0]["tree"].update(index=1)),
        r"argument 'x' names value 1 of 1",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_named(folder: Path, damage: str) -> None:
    harm, message = DAMAGE[damage]
    harm(folder)
    with pytest.raises(ArtifactError, match=message) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("damage", sorted(DAMAGE.keys() - {"link outside"}))
def test_damage_is_named_in_a_zip_too(folder: Path, damage: str, tmp_path: Path) -> None:
    harm, _ = DAMAGE[damage]
    harm(folder)
    before = set(os.listdir(folder.parent.parent))
    with pytest.raises(ArtifactError):
        load(pack(folder, tmp_path / "network.adaptc"))
    assert set(os.listdir(folder.parent.parent)) == before


def test_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no artifact at"):
        load(tmp_path / "nothing")
    (tmp_path / "file").write_text("text")
    with pytest.raises(ArtifactError, match=r"is not a readable \.adaptc file"):
        load(tmp_path / "file")


def test_unknown_engine(folder: Path) -> None:
    with pytest.raises(EngineError, match="there is no engine 'warp'; the engines are onnxruntime"):
        load(folder, engine="warp")
    rewrite(folder, engine="warp")
    with pytest.raises(EngineError, match="there is no engine 'warp'"):
        load(folder)


def test_file_that_is_no_model(folder: Path) -> None:
    (folder / "units" / "head.onnx").write_bytes(b"no model")
    rewrite(folder)
    with pytest.raises(EngineError, match=r"cannot open .*head\.onnx \(unit 'head'\)"):
        load(folder)


def test_unit_with_other_inputs(folder: Path) -> None:
    (folder / "units" / "head.onnx").write_bytes((folder / "units" / "stem.onnx").read_bytes())
    rewrite(folder)
    with pytest.raises(EngineError, match=r"head\.onnx takes \['x'\], but unit 'head' of manifest\.json takes \['h'\]"):
        load(folder)


def test_weights_outside_the_folder_are_refused(folder: Path) -> None:
    """A unit's file may name another file for its weights: only one beside it."""
    (folder.parent / "weights.bin").write_bytes((folder / "units" / "weights.bin").read_bytes())
    model = onnx.load(folder / "units" / "head.onnx", load_external_data=False)
    model.graph.initializer[0].external_data[0].value = "../../weights.bin"
    (folder / "units" / "head.onnx").write_bytes(model.SerializeToString())
    rewrite(folder)
    with pytest.raises(EngineError, match=r"cannot open .*head\.onnx"):
        load(folder)


def test_extra_files_are_ignored(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "units" / "old.onnx").write_text("")
    assert load(folder)(X)["exit"][0] == early_exit_reference(X)[1]


def test_file_table_covers_every_file_but_the_manifest(folder: Path) -> None:
    table = file_table(folder)
    assert set(table) == {
        "host.json",
        "host.py",
        "report.json",
        "units/stem.onnx",
        "units/head.onnx",
        "units/layer.onnx",
        "units/weights.bin",
        *(f"samples/{name}.{kind}.npz" for name in ("early", "late", "forced late") for kind in ("inputs", "expected")),
    }
    assert table["units/weights.bin"].size == 4 * (4 * 8 + 8 * 3)


def test_written_manifest_is_read_back(folder: Path) -> None:
    manifest = open_artifact(folder).manifest
    write_manifest(folder, manifest)
    assert msgspec.json.decode((folder / "manifest.json").read_bytes(), type=Manifest) == manifest


class TestZip:
    def test_runs_and_removes_what_it_extracted(self, folder: Path, tmp_path: Path) -> None:
        with load(pack(folder, tmp_path / "network.adaptc")) as executable:
            extracted = executable._artifact.folder
            assert extracted.is_dir()
            assert oct(extracted.stat().st_mode)[-3:] == "700"
            np.testing.assert_allclose(executable(X)["logits"], early_exit_reference(X)[0], rtol=1e-5, atol=1e-6)
        assert not extracted.exists()

    def test_removes_without_close(self, folder: Path, tmp_path: Path) -> None:
        executable = load(pack(folder, tmp_path / "network.adaptc"))
        extracted = executable._artifact.folder
        del executable
        gc.collect()
        assert not extracted.exists()

    @pytest.mark.parametrize("name", ["../evil", "/evil", "units/../../evil", "C:evil", "a\\..\\evil"])
    def test_member_that_leaves_the_folder(self, folder: Path, tmp_path: Path, name: str) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr(zipfile.ZipInfo("placeholder"), "evil")
        data = packed.read_bytes()
        member = name.ljust(11, "x").encode()
        if len(member) == 11:
            packed.write_bytes(data.replace(b"placeholder", member))
        else:
            with zipfile.ZipFile(packed, "a") as archive:
                archive.writestr(name, "evil")
        with pytest.raises(ArtifactError, match="a path that may leave the artifact"):
            load(packed)

    def test_link_member(self, folder: Path, tmp_path: Path) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        with zipfile.ZipFile(packed, "a") as archive:
            link = zipfile.ZipInfo("units/link")
            link.external_attr = 0o120777 << 16
            archive.writestr(link, "/etc/passwd")
        with pytest.raises(ArtifactError, match="units/link is a symbolic link"):
            load(packed)

    def test_bomb(self, folder: Path, tmp_path: Path) -> None:
        (folder / "units" / "head.onnx").write_bytes(b"\0" * 50_000_000)
        with zipfile.ZipFile(tmp_path / "bomb.adaptc", "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("manifest.json", *file_table(folder)):
                archive.write(folder / name, name)
        with pytest.raises(ArtifactError, match=r"head\.onnx has 50000000 bytes, manifest\.json says \d+"):
            load(tmp_path / "bomb.adaptc")

    def test_bomb_that_lies(self, folder: Path, tmp_path: Path) -> None:
        """The directory gives the size of the manifest, the data is far more."""
        size = (folder / "units" / "head.onnx").stat().st_size
        (folder / "units" / "head.onnx").write_bytes(b"\0" * 5_000_000)
        packed = tmp_path / "bomb.adaptc"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("manifest.json", *file_table(folder)):
                archive.write(folder / name, name)
        true_size, false_size = ((5_000_000).to_bytes(4, "little"), size.to_bytes(4, "little"))
        data = packed.read_bytes()
        assert data.count(true_size) == 2
        packed.write_bytes(data.replace(true_size, false_size))
        with pytest.raises(ArtifactError, match=r"not a readable \.adaptc file"):
            load(packed)

    def test_member_twice(self, folder: Path, tmp_path: Path) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        with warnings.catch_warnings(), zipfile.ZipFile(packed, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr("host.json", "{}")
        with pytest.raises(ArtifactError, match=r"host\.json is in the file twice"):
            load(packed)

    def test_truncated(self, folder: Path, tmp_path: Path) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        truncate(packed, 100)
        with pytest.raises(
            ArtifactError, match=r"is not a readable \.adaptc file|is not an artifact, or not a whole one"
        ):
            load(packed)

    def test_flipped_bit(self, folder: Path, tmp_path: Path) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        flip_bit(packed, packed.read_bytes().index(b"MatMul"))
        with pytest.raises(ArtifactError, match=r"is not a readable \.adaptc file: Bad CRC-32"):
            load(packed)

    def test_extra_members_are_ignored(self, folder: Path, tmp_path: Path) -> None:
        packed = pack(folder, tmp_path / "network.adaptc")
        with zipfile.ZipFile(packed, "a") as archive:
            archive.writestr("notes.txt", "mine")
        executable = load(packed)
        assert not (executable._artifact.folder / "notes.txt").exists()
        assert executable(X)["exit"][0] == early_exit_reference(X)[1]
