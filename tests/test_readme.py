"""What README.md tells people to type is run: every command, in order, in one folder, on the files shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:adaptc|make|pip|python)(?: [^`\n]+)?)`")

ELSEWHERE = {
    "make demo": ".ci/run",
    "make test": ".ci/run",
    "pip install .": "tests/examples/test_runtime_only.py",
    'pip install ".[compile]"': "tests/examples/test_runtime_only.py",
}
"""Commands that set up an environment, and the file that runs them."""


def blocks() -> list[tuple[str, str]]:
    """The fenced blocks of README.md: language and text."""
    return FENCE.findall(README.read_text())


def commands(text: str) -> list[str]:
    """The commands of a block of shell, comments left out."""
    joined = text.replace("\\\n", " ")
    lines = (line.split(" # ")[0].split("# ")[0].strip() for line in joined.splitlines())
    return [" ".join(line.split()) for line in lines if line]


def test_blocks_are_commands_files_or_output() -> None:
    """`sh` holds commands, `python` a file that its first line names, `text` output."""
    assert {language for language, _ in blocks()} <= {"sh", "python", "text"}
    assert all(re.match(r"# \w+\.py\n", text) for language, text in blocks() if language == "python")
    assert all(
        not line.startswith("$") for language, text in blocks() if language == "sh" for line in text.splitlines()
    )


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


@pytest.mark.long
def test_the_commands_run(tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "COLUMNS": "80"}
    ran = 0
    for language, text in blocks():
        if language == "python":
            (tmp_path / text.split("\n")[0].removeprefix("# ")).write_text(text)
        elif language == "sh":
            for command in commands(text):
                if command not in ELSEWHERE:
                    done = subprocess.run(
                        ["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True
                    )
                    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
                    ran += 1
    assert ran >= 5
