"""The package as Python sees it once installed: a folder of links, for tools that read folders."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def package_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds `adaptc` with all subpackages inside, which stand at the top of the repository."""
    root = tmp_path_factory.mktemp("package")
    package = root / "adaptc"
    package.mkdir()
    for entry in (ROOT / "adaptc").iterdir():
        (package / entry.name).symlink_to(entry)
    for folder in ("compiler", "passes", "runtime", "costmodel"):
        if (ROOT / folder).is_dir():
            (package / folder).symlink_to(ROOT / folder)
    return root
