"""Compares the kernels that are told from code with those that the engine executed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from adaptc.costmodel.kernels.kernel import Kernel

_ALIKE = {
    **dict.fromkeys(("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"), "Compare"),
    **dict.fromkeys(("Squeeze", "Unsqueeze", "Flatten"), "Reshape"),
    **dict.fromkeys(("Ceil", "Sign"), "Floor"),
    **dict.fromkeys(("Cos", "Tan", "Atan"), "Sin"),
    **dict.fromkeys(("Selu", "Celu"), "Elu"),
    "FusedGemm": "Gemm",
    "FusedConv": "Conv",
    "ArgMin": "ArgMax",
    "ReduceMin": "ReduceMax",
    "Min": "Max",
    "GatherND": "Gather",
    "BiasGelu": "Gelu",
    "GlobalAveragePool": "AveragePool",
    "GlobalMaxPool": "MaxPool",
}
"""Operators of the engine that are the same work as another."""


def counts(operators: Iterable[str]) -> Counter[str]:
    """How often each operator is there, those that are the same work together; ``domain::Op`` counts as ``Op``."""
    names = (name.rpartition("::")[2] for name in operators)
    return Counter(_ALIKE.get(name, name) for name in names)


def are_executed(kernels: Sequence[Kernel], executed: Sequence[str]) -> bool:
    """Whether the engine executed these kernels, each as often, and no others."""
    return counts(kernel.op for kernel in kernels if kernel.op) == counts(executed)
