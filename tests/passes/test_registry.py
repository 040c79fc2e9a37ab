"""Finding passes by name, reading pipelines, and the passes of other packages."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from adaptc.compiler.profile import NO_PROFILE
from adaptc.passes.errors import PassError
from adaptc.passes.pipeline import default_pipeline, profiled_pipeline
from adaptc.passes.program.bypass_empty_blocks import BypassEmptyBlocks
from adaptc.passes.program.fold_branches import FoldBranches
from adaptc.passes.program.propagate_constants import PropagateConstants
from adaptc.passes.program_pass import ProgramPass
from adaptc.passes.registry import PassRegistry, load_registry, register


def test_own_passes() -> None:
    assert load_registry().names() == [
        "bypass-empty-blocks",
        "combine-branches",
        "decide-early",
        "duplicate-tails",
        "flatten-pooled",
        "fold-branches",
        "fold-weights",
        "forward-copies",
        "fuse-chains",
        "hoist-loop-invariants",
        "linear-batch-norm",
        "merge-chains",
        "merge-equal-blocks",
        "merge-equal-values",
        "merge-projections",
        "packed-projection",
        "propagate-constants",
        "remove-dead-values",
        "remove-unreachable",
        "rotate-loops",
        "select-before-add",
        "select-before-layer-norm",
        "select-before-linear",
        "select-before-unary",
        "select-cheap-branch",
        "specialise-hot-path",
        "thread-jumps",
        "whole-slice",
    ]
    used = [*default_pipeline(), *profiled_pipeline(NO_PROFILE)]
    assert {pass_.name for pass_ in used} == set(load_registry().names())


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", []),
        ("fold-branches", [FoldBranches()]),
        (" fold-branches , bypass-empty-blocks", [FoldBranches(), BypassEmptyBlocks()]),
        ("propagate-constants{max_bytes=64},fold-branches", [PropagateConstants(64), FoldBranches()]),
        ("propagate-constants{ max_bytes = 64 }", [PropagateConstants(64)]),
        ("propagate-constants{}", [PropagateConstants(4096)]),
    ],
)
def test_pipelines(text: str, passes: list[ProgramPass]) -> None:
    assert load_registry().parse(text) == passes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fold-branch", "there is no pass called 'fold-branch'; did you mean 'fold-branches'?"),
        ("xyz", "there is no pass called 'xyz'; there are: bypass-empty-blocks, combine-branches, decide-early, "),
        ("xyz", "there is no pass called 'xyz'; there are: bypass-empty-blocks, combine-branches, "),
        ("fold-branches{margin=1}", "pass 'fold-branches' has no option 'margin'; it has none"),
        ("propagate-constants{bytes=1}", "has no option 'bytes'; did you mean 'max_bytes'?"),
        ("propagate-constants{limit=1}", "has no option 'limit'; its options are max_bytes"),
        (
            "propagate-constants{max_bytes=much}",
            "option 'max_bytes' of pass 'propagate-constants' is a int, not 'much'",
        ),
        ("propagate-constants{max_bytes=true}", "option 'max_bytes' of pass 'propagate-constants' is a int, not True"),
        ("propagate-constants{max_bytes}", "'max_bytes' is no option of pass 'propagate-constants'; options are"),
        ("fold-branches;merge-chains", "'fold-branches;merge-chains' is no pass; a pipeline is written"),
        ("propagate-constants{max_bytes=1", "is no pass; a pipeline is written name,name{option=value"),
    ],
)
def test_what_is_no_pipeline(text: str, message: str) -> None:
    with pytest.raises(PassError) as caught:
        load_registry().parse(text)
    assert message in str(caught.value)


def test_option_types() -> None:
    @register
    @dataclass(frozen=True)
    class Tuned(ProgramPass):
        """before: a    after: b"""

        name = "tuned"
        margin: float = 1.0
        quick: bool = False
        mode: str = "safe"

        def run(self, program: object, rw: object) -> None: ...

    registry = PassRegistry()
    registry.add(Tuned)
    assert registry.parse("tuned{margin=2,quick=true,mode=fast}") == [Tuned(2, True, "fast")]
    assert registry.parse("tuned{margin=1e-3}") == [Tuned(0.001)]
    with pytest.raises(PassError, match="option 'quick' of pass 'tuned' is a bool, not 1"):
        registry.parse("tuned{quick=1}")


def test_the_rules_of_passes() -> None:
    class Sloppy(ProgramPass):
        name = "Sloppy Pass"

        def run(self, program: object, rw: object) -> None: ...

    with pytest.raises(PassError) as caught:
        register(Sloppy)
    for problem in (
        "it is no frozen dataclass",
        "its name 'Sloppy Pass' is not in lower-case words joined by hyphens",
        "its docstring does not show 'before:' and 'after:'",
    ):
        assert problem in str(caught.value)
    with pytest.raises(PassError, match="does not derive from ProgramPass"):
        register(int)  # type: ignore[type-var]


def test_two_passes_of_one_name() -> None:
    @register
    @dataclass(frozen=True)
    class Mine(ProgramPass):
        """before: a    after: b"""

        name = "fold-branches"

        def run(self, program: object, rw: object) -> None: ...

    registry = load_registry()
    registry.add(FoldBranches)
    with pytest.raises(PassError, match=r"two passes are called 'fold-branches': adaptc.passes.program.fold_branches"):
        registry.add(Mine)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path with an installed distribution that offers passes."""
    info = tmp_path / "their_passes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-passes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[adaptc.passes]\ntheirs = their_passes\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "their_passes", raising=False)
    return tmp_path


def test_passes_of_other_packages(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (installed / "their_passes.py").write_text(
        "from dataclasses import dataclass\n"
        "from adaptc.passes.program.fold_branches import FoldBranches\n"
        "from adaptc.passes.program_pass import ProgramPass\n"
        "from adaptc.passes.registry import register\n"
        "@register\n"
        "@dataclass(frozen=True)\n"
        "class Theirs(ProgramPass):\n"
        "    'before: a   after: b'\n"
        "    name = 'their-pass'\n"
        "    level: int = 1\n"
        "    def run(self, program, rw): pass\n"
    )
    (made,) = load_registry().parse("their-pass{level=3}")
    assert (type(made).__name__, made.level) == ("Theirs", 3)  # type: ignore[attr-defined]
    monkeypatch.delitem(sys.modules, "their_passes")


def test_a_package_that_does_not_load(installed: Path) -> None:
    (installed / "their_passes.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(PassError, match="the passes of 'their_passes' do not load: No module named"):
        load_registry()
