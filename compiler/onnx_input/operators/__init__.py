"""The operators of ONNX as functions of torch; importing this package enters them into the table."""

from adaptc.compiler.onnx_input.operators import (  # noqa: F401
    convolution,
    conversion,
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
