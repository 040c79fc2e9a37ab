"""``adaptc costmodel``: what the command says; the collection itself has its own tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from adaptc.costmodel.data import collect as collecting
from adaptc.costmodel.data.collect import Collected
from adaptc.costmodel.data.space import FAMILIES

from .conftest import Run


def test_families_are_listed(run: Run) -> None:
    ran = run("costmodel", "collect", "unused.parquet", "--list")
    assert ran.code == 0
    for name in FAMILIES:
        assert name in ran.out
    assert run("costmodel", "collect", "unused.parquet", "--list", "--json").json["families"].keys() == FAMILIES.keys()


def test_an_unknown_family_is_one_message(run: Run, tmp_path: Path) -> None:
    ran = run("costmodel", "collect", tmp_path / "t.parquet", "--families", "vgg,lego")
    assert ran.code == 1
    assert "error: there is no family 'lego'; the families are conv," in ran.err
    assert list(tmp_path.iterdir()) == []


def test_what_was_collected_and_left_out_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def collected(table: Path, options: object, *rest: object) -> Collected:
        table.write_bytes(b"x" * 2048)
        return Collected(table, 120, 3, {"conv": {"several blocks": 2, "not run: Fail": 1}})

    monkeypatch.setattr(collecting, "collect", collected)
    ran = run("costmodel", "collect", tmp_path / "t.parquet")
    assert ran.code == 0
    assert "t.parquet (2.0 KiB)" in " ".join(ran.out.split())
    assert "120 units; 3 more were equal to one of these" in ran.out
    assert "3 samples" in ran.out
    assert "several blocks" in ran.out
    answer = run("costmodel", "collect", tmp_path / "t.parquet", "--json").json
    assert (answer["rows"], answer["same"], answer["left_out"]["conv"]["several blocks"]) == (120, 3, 2)


def test_an_interrupt_says_what_is_kept(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*given: object) -> Collected:
        raise KeyboardInterrupt

    monkeypatch.setattr(collecting, "collect", interrupted)
    ran = run("costmodel", "collect", tmp_path / "t.parquet")
    assert ran.code == 130
    assert "what is measured is kept: the same command goes on from there" in ran.err
