"""docs/write-a-pass.md is run as it stands: every file is written, every command run, every output looked for.

The commands run in a new environment that sees the installed packages, as the page installs one of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "write-a-pass.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of the page: language and text."""
    return FENCE.findall(PAGE.read_text())


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables of a new environment with pip and an `adaptc` command, which sees the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    site = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(site) / "packages.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    command = folder / "bin" / "adaptc"
    command.write_text(f"#!{python}\nimport sys\nfrom adaptc.__main__ import main\nsys.exit(main(sys.argv[1:]))\n")
    command.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "COLUMNS": "80"}


def assert_holds(output: str, text: str) -> None:
    """The lines of `text` begin lines of `output`, in this order."""
    lines = iter(output.splitlines())
    for wanted in text.strip("\n").splitlines():
        assert any(line.startswith(wanted) for line in lines), f"{wanted!r} is not in\n{output}"


@pytest.mark.long
def test_the_page_runs(tmp_path: Path, environment: dict[str, str]) -> None:
    output, ran = "", []
    for language, text in blocks():
        if language in ("python", "toml"):
            file = tmp_path / text.split("\n")[0].removeprefix("# ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        elif language == "text":
            assert_holds(output, text)
        else:
            assert language == "sh"
            for line in text.splitlines():
                command = line.split("   #")[0].strip()
                done = subprocess.run(
                    ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
                )
                expected = 1 if line.endswith("# exits with 1") else 0
                assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
                output = done.stdout
                ran.append(command)
                if command == "adaptc opt --list":
                    assert "swish  (rule of their-passes)\n    Call silu where it is written out." in output
                    assert "plain-tests  (pass of their-passes)" in output
    assert len(ran) == 10


def test_the_passes_of_the_page_are_short() -> None:
    """What the page asks of an author: 25 lines for a rule, 25 for a control-flow pass, imports and all."""
    sizes = {
        text.split("\n")[0]: len([line for line in text.splitlines()[1:] if line.strip()])
        for language, text in blocks()
        if language == "python"
    }
    assert sizes["# swish.py"] <= 25
    assert sizes["# plain_tests.py"] <= 25


def test_python_is_the_one_of_this_repository() -> None:
    """Names that the page imports exist."""
    for language, text in blocks():
        if language == "python":
            for module, names in re.findall(r"^from (adaptc[\w.]*) import (.+)$", text, re.MULTILINE):
                found = __import__(module, fromlist=["x"])
                assert all(hasattr(found, name.strip()) for name in names.split(","))
    assert sys.version_info >= (3, 11)
