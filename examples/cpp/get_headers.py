"""Get the C++ headers of ONNX Runtime, which its pip package leaves out, into this environment.

    python examples/cpp/get_headers.py [FOLDER]

They are those of ONNX Runtime 1.29 (MIT), for its library from 1.29 on. Where a system has them as a package
(libonnxruntime-dev) or a release was unpacked, nothing needs to be got. npm brings them, in a package that holds ONNX
Runtime for all platforms of Unity: 150 MB, of which 1 MB stays.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

PACKAGE = "com.github.asus4.onnxruntime@0.4.9"
SHA512 = (
    "064cf176e499f4891e0cfe90f25cf64c553689eee1492bd2ed921fccca28131a"
    "2ad02373267bae19a509ec8b288c182a3b8a2e0f58d76a1f0e63225b08ddbd16"
)
HEADERS = "package/Plugins/iOS~/onnxruntime.xcframework/ios-arm64/onnxruntime.framework/Headers"
"""One of several copies in the package: the headers are the same on all platforms."""
LICENSE = "package/LICENSE"


def main(folder: Path) -> int:
    with tempfile.TemporaryDirectory() as made:
        try:
            subprocess.run(["npm", "pack", PACKAGE, "--silent"], cwd=made, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"npm cannot bring {PACKAGE}: {error}", file=sys.stderr)
            return 1
        (packed,) = Path(made).glob("*.tgz")
        with packed.open("rb") as file:
            if hashlib.file_digest(file, "sha512").hexdigest() != SHA512:
                print(f"npm brought another file than {PACKAGE} was", file=sys.stderr)
                return 1
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed) as archive:
            for member in archive:
                path = PurePosixPath(member.name)
                if str(path.parent) == HEADERS or member.name == LICENSE:
                    content = archive.extractfile(member)
                    assert content is not None
                    (folder / path.name).write_bytes(content.read())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(sys.prefix, "include", "onnxruntime")))
