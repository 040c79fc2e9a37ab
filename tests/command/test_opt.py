"""``adaptc opt``: what its options print, and how it finds passes that are wrong."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from ..ir.test_mlir import parse
from . import networks
from .conftest import Run


@pytest.fixture
def gated_file(in_folder: Path) -> str:
    """A model file with one branch."""
    networks.write(in_folder, networks.GATED, "gated.py")
    return "gated.py"


@pytest.fixture
def bad_passes(in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package of bad passes."""
    info = in_folder / "site" / "bad_passes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad-passes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[adaptc.passes]\nbad = bad_passes\n")
    shutil.copy(Path(__file__).with_name("bad_passes.py"), in_folder / "site" / "bad_passes.py")
    monkeypatch.syspath_prepend(str(in_folder / "site"))
    monkeypatch.delitem(sys.modules, "bad_passes", raising=False)


def test_the_list(run: Run, bad_passes: None) -> None:
    ran = run("opt", "--list")
    assert ran.code == 0
    assert "propagate-constants{max_bytes=4096}  (pass of adaptc)\n    Replace values that are the same" in ran.out
    assert "select-before-unary{operator=gelu}  (rule of adaptc)" in ran.out
    assert "flips-tanh  (rule of bad-passes)\n    Take one function for another." in ran.out
    rows = {row["name"]: row for row in run("opt", "--list", "--json").json["passes"]}
    assert rows["fold-weights"]["options"] == {"max_bytes": 65536}
    assert rows["drops-branch"]["package"] == "bad-passes"


def test_the_program_is_printed(run: Run, gated_file: str) -> None:
    ran = run("opt", gated_file)
    assert (ran.code, ran.err) == (0, "")
    parse(ran.out)
    ran = run("opt", gated_file, "--passes", "", "--json")
    assert ran.json["passes"] == []
    parse(ran.json["mlir"])


def test_what_each_pass_changes(run: Run, gated_file: str, bad_passes: None) -> None:
    ran = run("opt", gated_file, "--passes", "fold-branches,relu-by-clamp", "--print-changed")
    assert ran.code == 0
    first, second, *lines = ran.out.splitlines()
    assert (first, second) == ("// ----- fold-branches: no change", "// ----- relu-by-clamp: 1 rewrites")
    assert [line[0] for line in lines if "torch.aten.relu" in line or "torch.aten.clamp_min" in line] == ["-", "+"]


def test_the_program_after_each_pass(run: Run, gated_file: str, bad_passes: None) -> None:
    ran = run("opt", gated_file, "--passes", "relu-by-clamp,fold-branches", "--print-after-all")
    captured, clamped, folded = ran.out.split("// ----- ")[1:]
    assert captured.startswith("as captured\nmodule {")
    assert clamped.startswith("relu-by-clamp\nmodule {")
    assert '"torch.aten.clamp_min"' in clamped
    assert folded == "fold-branches\n// (no change)\n"
    parse(clamped.partition("\n")[2])


def test_statistics_say_why_rules_did_not_apply(run: Run, gated_file: str) -> None:
    ran = run("opt", gated_file, "--passes", "linear-batch-norm,select-before-unary{operator=relu}", "--statistics")
    assert ran.code == 0
    assert "select-before-unary{operator=relu}" in ran.out
    networks.write(Path(), networks.GATED.replace("self.head(h)", "self.head(h)[:, 0].tanh()"), "selecting.py")
    ran = run("opt", "selecting.py", "--passes", "select-before-linear", "--statistics")
    assert "select-before-linear did not apply at 1 place\n" in ran.out
    assert "    1 × a feature is selected, not a row\n" in ran.out
    assert "nearest: at 'select', 2 of 2 calls: a feature is selected, not a row: " in ran.out
    assert "selecting.py:" in ran.out


def test_the_meaning_is_checked_after_each_pass(run: Run, gated_file: str, bad_passes: None) -> None:
    ran = run("opt", gated_file, "--verify-each")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "the meaning is kept by each pass: 11 runs compared after each\n"
    ran = run("opt", gated_file, "--passes", "fold-branches,relu-by-clamp,drops-branch", "--verify-each")
    assert ran.code == 1
    assert "error: pass 'drops-branch' changes what the network computes: on " in ran.err
    assert "-    cf.cond_br %test" in ran.err
    ran = run("opt", gated_file, "--passes", "drops-branch,flips-tanh,relu-by-clamp", "--verify-each")
    assert "error: pass 'drops-branch' changes" in ran.err
    ran = run("opt", gated_file, "--passes", "flips-tanh,relu-by-clamp", "--verify-each", "--json")
    assert ran.json["error"] == "PassError"
    assert "one of the passes 'flips-tanh', 'relu-by-clamp' changes what" in ran.json["message"]


def test_bisecting(run: Run, gated_file: str, bad_passes: None) -> None:
    ran = run("opt", gated_file, "--bisect")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("the passes keep the meaning: 11 runs, 2 of them along paths with their reads forced")
    wrong = "fold-branches,relu-by-clamp,flips-tanh,merge-chains,drops-branch"
    ran = run("opt", gated_file, "--passes", wrong, "--bisect")
    assert ran.code == 1
    assert ran.out.startswith("the first wrong rewrite is of rule 'flips-tanh', at gated.py:")
    assert "pass 'flips-tanh' changes what the network computes: on " in ran.out
    assert '-    %tanh = "torch.aten.tanh"' in ran.out
    assert "clamp_min" not in "".join(line for line in ran.out.splitlines() if line.startswith(("-", "+")))
    ran = run("opt", gated_file, "--passes", "relu-by-clamp,drops-branch", "--bisect", "--json")
    assert ran.json["guilty"] == "drops-branch"


def test_a_pass_that_leaves_no_program(run: Run, gated_file: str, bad_passes: None) -> None:
    ran = run("opt", gated_file, "--passes", "loses-value")
    assert ran.code == 1
    assert "error: pass 'loses-value' left a program that is not valid." in ran.err
    assert "'lost' is read but not defined in the block" in ran.err
    assert "after the pass:" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--passes", "fold-branch"], 1, "there is no pass called 'fold-branch'; did you mean 'fold-branches'?"),
        (["--passes", "fold-weights{bytes=3}"], 1, "has no option 'bytes'; did you mean 'max_bytes'?"),
        (["--passes", "fold-weights{max_bytes=few}"], 1, "option 'max_bytes' of pass 'fold-weights' is a int"),
        (["--passes", "fold-weights;x"], 1, "is no pass; a pipeline is written name,name{option=value"),
        (["--print-changed", "--bisect"], 2, "give one of --print-changed, --print-after-all and --bisect"),
    ],
)
def test_wrong_options(run: Run, gated_file: str, arguments: list[str], code: int, message: str) -> None:
    ran = run("opt", gated_file, *arguments)
    assert ran.code == code
    assert message in " ".join(ran.err.split())


def test_what_is_no_model(run: Run, gated: Path) -> None:
    ran = run("opt", gated)
    assert ran.code == 1
    assert "an artifact does not hold that; name the model file that it was compiled from" in ran.err
    ran = run("opt")
    assert ran.code == 2
    assert "name a MODEL, or give --list" in ran.err
