"""What README.md tells people to type is run: every command, in order, in one folder, on the files shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .examples import cpp

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:adaptc|make|pip|python)(?: [^`\n]+)?)`")

ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "python examples/cpp/get_headers.py": "Makefile",
    "pip install .": "tests/examples/test_runtime_only.py",
    'pip install ".[cli]"': "tests/examples/test_runtime_only.py",
    'pip install ".[compile]"': "tests/examples/test_runtime_only.py",
}
"""Commands that set up an environment, and the file that runs them."""

IN_CPP = ("cmake ", "build/")
"""What the commands begin with that can run only where the program in C++ can be built."""

FOLDERS = ("adaptc", "compiler", "costmodel", "passes", "runtime", "examples", "tests", "docs")
WRITTEN = {"host.py", "plan.json", "units"}
"""Files that an artifact holds, which the documents name too."""


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of README.md: language and text."""
    return FENCE.findall(README.read_text())


def commands(text: str) -> list[str]:
    """The commands of a block of shell, comments left out."""
    return [line.split("  #")[0].strip() for line in text.splitlines()]


def test_blocks_are_commands_files_or_output() -> None:
    """`sh` holds commands, `python` a file that its first line names, `text` output."""
    assert {language for language, _ in blocks()} <= {"sh", "python", "text"}
    for language, text in blocks():
        if language == "python":
            name, _, rest = text.removeprefix("# ").partition("\n")
            assert re.fullmatch(r"[\w/]+\.py", name)
            assert not (ROOT / name).exists() or rest == (ROOT / name).read_text(), name


def test_commands_that_set_up_are_run_elsewhere() -> None:
    shown = {command for language, text in blocks() if language == "sh" for command in commands(text)}
    assert {"make demo", "make test"} <= shown
    for command in shown & set(ELSEWHERE):
        text = (ROOT / ELSEWHERE[command]).read_text()
        words = [word.strip('"') for word in command.split()]
        assert all(word in text for word in words), command


def test_commands_within_sentences_are_shown_in_blocks() -> None:
    shown = [command for language, text in blocks() if language == "sh" for command in commands(text)]
    prose = FENCE.sub("", README.read_text())
    for command in INLINE.findall(prose):
        assert any(one == command or one.startswith(f"{command} ") for one in shown), command


@pytest.mark.parametrize("document", ["README.md", "docs/architecture.md", "docs/cost-model.md"])
def test_files_that_the_documents_name_exist(document: str) -> None:
    text = FENCE.sub("", (ROOT / document).read_text())
    known = {file.name for folder in FOLDERS for file in (ROOT / folder).rglob("*")}
    named = re.findall(r"`([\w./]+(?:\.py|\.ini|\.toml|/))`|\]\(([\w./]+)\)", text)
    for name in {name for pair in named for name in pair if name}:
        assert (ROOT / name).exists() or name.rstrip("/") in known | WRITTEN, name


@pytest.mark.long
def test_the_commands_run(tmp_path: Path) -> None:
    """All succeed but those that the README says exit with 1, whose output it shows."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "80"}
    ran, error = 0, ""
    for language, text in blocks():
        if language == "python":
            name = text.split("\n")[0].removeprefix("# ")
            if not (ROOT / name).exists():
                (tmp_path / name).write_text(text)  # as it is copied from the page, its first line included
        elif language == "text" and error:
            assert text.strip() == error
            error = ""
        elif language == "sh":
            for line in text.splitlines():
                (command,) = commands(line)
                if command not in ELSEWHERE and not (command.startswith(IN_CPP) and cpp.why_not()):
                    done = subprocess.run(
                        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
                    )
                    expected = 1 if line.endswith("# exits with 1") else 0
                    assert done.returncode == expected, f"{command}\n{done.stdout}{done.stderr}"
                    error = done.stderr.replace(f"{tmp_path}/", "").strip() if expected else ""
                    ran += 1
    assert ran >= 10
    assert not error
