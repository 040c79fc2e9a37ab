"""The table of operators against the test cases that come with ONNX: every case passes or is refused, none is wrong."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from .conformance import cases, run

OUTSIDE = re.compile(
    r"element type|the operator \w+( of ai\.onnx\.(ml|preview.*))?$"
    r"|training mode|Resize with antialias|Col2Im to 3|MaxUnpool with 3 inputs|Scan"
)
"""Why cases are refused: types that torch lacks, operators without torch code, and these forms of others."""

OPERATORS = frozenset(
    {
        *("ArrayFeatureExtractor", "Adagrad", "Adam", "Binarizer", "DFT", "DeformConv", "FlexAttention"),
        *("ImageDecoder", "LabelEncoder", "MelWeightMatrix", "Momentum", "NonMaxSuppression", "RandomUniformLike"),
        *("RegexFullMatch", "RoiAlign", "STFT", "StringConcat", "StringNormalizer", "StringSplit"),
        *("TfIdfVectorizer", "TreeEnsemble", "Unique"),
    }
)
"""The operators of the cases that adaptc does not read."""


@pytest.mark.long
def test_the_cases_of_onnx(capsys: pytest.CaptureFixture[str]) -> None:
    wrong: list[str] = []
    outcomes: Counter[str] = Counter()
    operators: set[str] = set()
    for case in cases():
        try:
            outcome = run(case)
        except Exception as error:  # noqa: BLE001 (all wrong cases are listed)
            wrong.append(f"{case.name}: {type(error).__name__}: {error}")
            continue
        kind, _, why = outcome.partition(": ")
        outcomes[kind] += 1
        if kind == "passed":
            operators |= {node.op_type for node in case.model.graph.node}
        else:
            assert OUTSIDE.search(why), f"{case.name}: {why}"
            found = re.match(r"the operator (\w+)", why)
            assert found is None or found[1] in OPERATORS, f"{case.name}: {why}"
    with capsys.disabled():
        print(f"\n{outcomes['passed']} cases of {len(operators)} operators pass, {outcomes['refused']} are refused")
    assert not wrong, "\n".join(wrong)
    assert outcomes["passed"] >= 1500
    assert len(operators) >= 150
