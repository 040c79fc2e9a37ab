"""How ONNX Runtime lays out the channels of images for the convolutions of this processor."""

from __future__ import annotations

import base64
import platform
from functools import cache

import numpy as np

_PROBE = base64.b64decode(
    "CAoSADqCAQo/CgF4EgF5IgxSZW9yZGVySW5wdXQqFAoNY2hhbm5lbHNfbGFzdBgAoAECOhNjb20ubWljcm9zb2Z0Lm5jaHdjEgVw"
    "cm9iZVobCgF4EhYKFAgBEhAKAggBCgIIEAoCCAEKAggCYhsKAXkSFgoUCAESEAoCCAEKAggQCgIIAQoCCAJCBAoAEBRCFwoTY29t"
    "Lm1pY3Jvc29mdC5uY2h3YxAB"
)
"""An ONNX model: `com.microsoft.nchwc.ReorderInput` of a tensor `x` [1, 16, 1, 2]."""


@cache
def channels_in_a_block() -> int:
    """How many channels of one pixel stand side by side in ONNX Runtime's NCHWc: 8 or 16, by the width of the
    processor's vectors. 0 on machines other than x86-64, and for an ONNX Runtime that was built without it.
    Takes a few ms, once.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return 0
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(_PROBE, options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001 (it raises many kinds for an operator that it lacks)
        return 0
    (blocked,) = session.run(None, {"x": np.arange(32, dtype=np.float32).reshape(1, 16, 1, 2)})
    return int(np.flatnonzero(blocked.reshape(-1) == 1.0)[0])  # number 1 is the second pixel of the first channel
