"""The machine and the versions that times hold for."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("adaptc", "torch", "onnx", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Machine:
    """A processor: its model, the bits of its widest vectors (0: not known), and how many cores there are."""

    cpu: str
    vector_bits: int
    cores: int

    def __str__(self) -> str:
        return f"{self.cpu}, {self.cores} cores, {self.vector_bits}-bit vectors"

    def record(self) -> dict[str, str | int]:
        """The same as JSON values."""
        return asdict(self)


def channels_of(vector_bits: int) -> int:
    """In blocks of how many channels ONNX Runtime keeps images on a processor with vectors of so many bits (MLAS)."""
    return 16 if vector_bits == 512 else 8


def this_machine() -> Machine:
    """The machine that this process runs on."""
    facts = _cpuinfo()
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    cpu = facts.get("model name") or platform.processor() or platform.machine()
    return Machine(cpu, _vector_bits(flags), os.cpu_count() or 1)


def versions() -> dict[str, str]:
    """The versions of the packages that make and run units."""
    return {name: version(name) for name in PACKAGES}


def _vector_bits(flags: set[str]) -> int:
    if "avx512f" in flags:
        return 512
    if "avx" in flags:
        return 256
    if flags & {"sse2", "asimd", "neon"} or platform.machine() == "arm64":
        return 128
    return 0


def _cpuinfo() -> dict[str, str]:
    """The facts about the first processor that Linux lists; none on other systems."""
    file = Path("/proc/cpuinfo")
    if not file.exists():
        return {}
    rows = (line.partition(":") for line in file.read_text().partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in rows}
