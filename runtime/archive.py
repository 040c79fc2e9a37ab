"""Extracts a zipped artifact to a private temporary folder, no further than its manifest says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from adaptc.runtime.errors import ArtifactError
from adaptc.runtime.manifest import Manifest
from adaptc.runtime.manifestcheck import check_name

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MANIFEST = "manifest.json"

LARGEST_MANIFEST = 64 << 20
"""Bytes; a manifest is read before anything says how large it should be."""

CHUNK = 1 << 20

SYMBOLIC_LINK = 0o120000
FILE_TYPE = 0o170000


def extract(path: Path, decode: Callable[[bytes, str], Manifest]) -> tuple[Path, Callable[[], None]]:
    """The folder with the manifest and the files that it lists, and a function that removes the folder.

    Raises `ArtifactError` if the file is no zip, or if a member is larger than the manifest says, is a link, or
    has a name that leaves the folder. Members that the manifest does not list are left out.
    """
    import shutil
    import tempfile
    import zlib
    from zipfile import BadZipFile, ZipFile

    folder = Path(tempfile.mkdtemp(prefix="adaptc-"))

    def remove() -> None:
        shutil.rmtree(folder, ignore_errors=True)

    try:
        with ZipFile(path) as archive:
            members = _members(archive, path)
            if MANIFEST not in members:
                raise ArtifactError(f"{path / MANIFEST} is missing: {path} is not an artifact, or not a whole one")
            data = _read(archive, members[MANIFEST], LARGEST_MANIFEST, path)
            (folder / MANIFEST).write_bytes(data)
            manifest = decode(data, str(path / MANIFEST))
            for name, file in manifest.files.items():
                if name not in members:
                    raise ArtifactError(f"{path / name} is missing; copy or compile the artifact again")
                _extract_member(archive, members[name], file.size, folder / name, path)
        return folder, remove
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        remove()
        raise ArtifactError(
            f"{path} is not a readable .adaptc file: {error}; copy or compile the artifact again"
        ) from error
    except BaseException:
        remove()
        raise


def _members(archive: ZipFile, path: Path) -> dict[str, ZipInfo]:
    members: dict[str, ZipInfo] = {}
    for member in archive.infolist():
        if member.is_dir():
            check_name(member.filename.rstrip("/"), str(path))
            continue
        check_name(member.filename, str(path))
        if member.external_attr >> 16 & FILE_TYPE == SYMBOLIC_LINK:
            raise ArtifactError(f"{path / member.filename} is a symbolic link; do not load it")
        if member.filename in members:
            raise ArtifactError(f"{path / member.filename} is in the file twice; do not load it")
        members[member.filename] = member
    return members


def _read(archive: ZipFile, member: ZipInfo, most: int, path: Path) -> bytes:
    with archive.open(member) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ArtifactError(f"{path / member.filename} is larger than {most} bytes; do not load it")
    return data


def _extract_member(archive: ZipFile, member: ZipInfo, size: int, target: Path, path: Path) -> None:
    """Both what the member declares and what comes out of it must be the size that the manifest says."""
    if member.file_size != size:
        raise ArtifactError(
            f"{path / member.filename} has {member.file_size} bytes, {MANIFEST} says {size}; "
            f"copy or compile the artifact again"
        )
    os.makedirs(target.parent, exist_ok=True)
    with archive.open(member) as stream, target.open("xb") as output:
        left = size
        while chunk := stream.read(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise ArtifactError(f"{path / member.filename} holds more than {size} bytes; do not load it")
            output.write(chunk)
