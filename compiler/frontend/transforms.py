"""Function transforms of torch: what ``vmap`` does is traced to ATen calls, which are recorded one by one.

Inside a transform, tensors are wrapped and have no memory of their own, so the calls there cannot be recorded as they
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch._functorch import apis
from torch.fx.experimental.proxy_tensor import make_fx

from adaptc.compiler.frontend.draft import leaves, map_leaves

if TYPE_CHECKING:
    from adaptc.compiler.frontend.recorder import Recorder


def record_traced(
    recorder: Recorder, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call `function` and record the ATen calls it comes to; it must give tensors in tuples, lists or dicts."""
    tensors = [recorder.fake(leaf) for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    results: list[Any] = []

    def flat(*given: torch.Tensor) -> list[torch.Tensor]:
        replacements = iter(given)

        def replaced(leaf: Any) -> Any:
            return next(replacements) if isinstance(leaf, torch.Tensor) else leaf

        result = function(*map_leaves(replaced, args), **map_leaves(replaced, kwargs))
        results[:] = [result]
        return [leaf for leaf in leaves(result) if isinstance(leaf, torch.Tensor)]

    with torch._C.DisableTorchFunction(), recorder.unwatched():
        module = make_fx(flat)(*tensors)
    values: dict[Any, Any] = {}
    inputs = iter(tensors)
    outputs: Iterator[Any] = iter(())
    for node in module.graph.nodes:
        if node.op == "placeholder":
            values[node] = next(inputs)
        elif node.op == "get_attr":
            values[node] = getattr(module, node.target)
        elif node.op == "output":
            outputs = iter([values[item] for item in node.args[0]])
        else:
            node_args, node_kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
            values[node] = recorder.record(node.target, node_args, node_kwargs)
    return map_leaves(lambda leaf: next(outputs) if isinstance(leaf, torch.Tensor) else leaf, results[0])


@contextmanager
def traced_transforms(recorder: Recorder) -> Iterator[None]:
    """While it lasts, ``vmap`` is recorded by tracing it."""
    module: Any = apis
    original = module.vmap_impl
    nested = False

    def vmap_impl(*args: Any, **kwargs: Any) -> Any:
        nonlocal nested
        if nested or not torch.overrides._get_current_function_mode_stack():  # type: ignore[no-untyped-call]
            return original(*args, **kwargs)
        nested = True
        try:
            return record_traced(recorder, original, args, kwargs)
        finally:
            nested = False

    module.vmap_impl = vmap_impl
    try:
        yield
    finally:
        module.vmap_impl = original
