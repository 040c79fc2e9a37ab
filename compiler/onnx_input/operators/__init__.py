"""The operators of ONNX as functions of torch; importing this package enters them into the table."""

from adaptc.compiler.onnx_input.operators import (  # noqa: F401
    conversion,
    convolution,
    elementwise,
    indexing,
    linear,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
    resizing,
    shaping,
)
