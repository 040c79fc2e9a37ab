"""The errors of adaptc, by the names that applications catch them with."""

from __future__ import annotations

import subprocess
import sys

import pytest

import adaptc

CODE = """
import sys, adaptc
errors = [getattr(adaptc, name) for name in adaptc.__all__ if name.endswith("Error")]
assert len(errors) == 10 and all(issubclass(error, adaptc.AdaptcError) for error in errors)
try:
    adaptc.load("missing")
except adaptc.ArtifactError as error:
    print(error)
print(*{"torch", "onnx", "typer"} & set(sys.modules))
"""


def test_errors_are_public_and_need_no_torch() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["there is no artifact at missing", ""]


def test_other_names_do_not_exist() -> None:
    with pytest.raises(AttributeError, match="no attribute 'CompilError'"):
        adaptc.CompilError  # noqa: B018
