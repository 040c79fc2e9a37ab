"""The dtypes that a tensor of an artifact can have, by their NumPy names."""

from __future__ import annotations

from adaptc.runtime.errors import ArtifactError

# fmt: off
DTYPES = frozenset((
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
))
# fmt: on


def check_dtype(dtype: str, what: str, file: str) -> None:
    """Raise `ArtifactError` naming `file` unless `dtype`, that of `what`, can cross the border of a unit."""
    if dtype == "bfloat16":
        raise ArtifactError(
            f"{file}: {what} is bfloat16, which NumPy does not have; compile the network with a cast to float32 there"
        )
    if dtype not in DTYPES:
        raise ArtifactError(f"{file}: {what} has the unknown dtype {dtype!r}; compile the network again")
