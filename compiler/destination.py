"""Where a compile writes: into a place of its own, which becomes the output once all of it has succeeded."""

from __future__ import annotations

import contextlib
import glob
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from adaptc.compiler import onefile
from adaptc.compiler.artifact import pack, staged
from adaptc.runtime.errors import AdaptcError

FILE_SUFFIX = ".adaptc"
"""An output of this suffix is an artifact as a single file; one of `onefile.SUFFIX` is a single ONNX model, and any
other a folder."""


@contextlib.contextmanager
def destination(output: Path) -> Iterator[Path]:
    """A folder to build the artifact in, which becomes `output` if the body succeeds and else vanishes. Of a single
    ONNX model the file of its name in the folder becomes `output`, and its weights beside it."""
    if output.suffix not in (FILE_SUFFIX, onefile.SUFFIX):
        with staged(output) as folder:
            yield folder
        return
    is_ours = zipfile.is_zipfile if output.suffix == FILE_SUFFIX else onefile.is_ours
    if output.exists() and not is_ours(output):
        raise AdaptcError(f"{output} exists and was not written by adaptc: it is left as it is, so name another file")
    with contextlib.ExitStack() as stack:
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            workspace = stack.enter_context(tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent))
        except OSError as error:
            raise AdaptcError(f"cannot write {output}: {error.strerror or error}") from error
        folder = Path(workspace) / "artifact"
        folder.mkdir()
        yield folder
        if output.suffix == FILE_SUFFIX:
            pack(folder, output)
        else:
            for file in folder.glob(f"{glob.escape(output.name)}*"):
                file.replace(output.with_name(file.name))
