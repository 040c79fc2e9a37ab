"""Puts a rule's replacement where its pattern was found, with fake tensors, locations and checks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import fx
from torch._guards import detect_fake_mode
from torch._ops import OpOverloadPacket
from torch.fx.experimental.symbolic_shapes import statically_known_true
from torch.fx.proxy import GraphAppendingTracer, TraceError

from adaptc.compiler.ir.host_types import show
from adaptc.compiler.ir.program import TensorType
from adaptc.compiler.ir.verify_code import call_faults
from adaptc.passes.calls import call_key
from adaptc.passes.draft import Draft, sort_nodes
from adaptc.passes.errors import PassError
from adaptc.passes.matching import Match
from adaptc.passes.pattern import call_results, even_out
from adaptc.passes.rule import Miss, Rule
from adaptc.passes.weight_values import is_repeatable


def replace(rule: Rule, draft: Draft, match: Match) -> None:
    """Replace `match` in the graph of `draft` by what `rule` puts there, in place.

    Raises PassError where that is no functional ATen code or its results have another shape or dtype, and Miss where
    what reads a result cannot take the strides that it gets; the graph is then as it was.
    """
    what = f"the replacement of rule '{rule.name}'"
    graph, loc = draft.graph, _loc(match)
    last = match.root if len(match.results) == 1 else graph.output_node()
    before = last.prev
    try:
        with graph.inserting_before(last):
            results = _traced(rule, what, graph, match)
        made = _between(before, last)
        for node in made:
            node.meta = {"loc": loc, "pass": rule.name}
        _resolve(made, what)
        for node in made:
            for fault in call_faults(draft.code, node):
                raise PassError(f"{what}: {fault}")
        for old, new in zip(match.results, results, strict=True):
            _same_type(what, old, new)
        _fit_strides(match, results, set(match.calls) | set(made))
    except (PassError, Miss):
        _erase(_between(before, last))
        raise
    known_already = False
    for node in made:
        known = _known(node, set(made) | set(match.results))
        if known is not None:
            known_already = True
            node.replace_all_uses_with(known)
            results = tuple(known if result is node else result for result in results)
    for old, new in zip(match.results, results, strict=True):
        old.replace_all_uses_with(new)
    if known_already or len(results) > 1:
        sort_nodes(graph)
    _erase([node for node in graph.nodes if node in match.calls])
    _erase(made)


def _traced(rule: Rule, what: str, graph: fx.Graph, match: Match) -> tuple[fx.Node, ...]:
    tracer = GraphAppendingTracer(graph)
    values: Any = fx.map_arg(tuple(match.values.values()), lambda node: fx.Proxy(node, tracer))  # type: ignore[arg-type,return-value]
    try:
        found = rule.replace(*values)
    except TraceError as error:
        raise PassError(f"{what} asks for the value of a tensor, which is known at run time only: {error}") from error
    except Exception as error:
        raise PassError(f"{what} failed: {type(error).__name__}: {error}") from error
    results = call_results(found, what)
    if len(results) != len(match.results):
        raise PassError(f"{what} gives {len(results)} results for the {len(match.results)} of its pattern")
    return results


def _resolve(made: Sequence[fx.Node], what: str) -> None:
    """Make operators the overloads that fit, and compute the fake tensors of new nodes."""
    even_out(made, what)
    for node in made:
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda used: used.meta["val"])
        target = node.target
        if isinstance(target, OpOverloadPacket):
            name = target._qualified_op_name
            try:
                target = getattr(target, torch._C._jit_resolve_packet(name, *args, **kwargs) or "default")
            except RuntimeError as error:
                raise PassError(f"{what} calls {node.target} with arguments that no overload takes: {error}") from error
            node.target = target
        try:
            node.meta["val"] = _fake_result(node.graph, target, args, kwargs)
        except Exception as error:
            raise PassError(f"{what}: {node.target} fails on these shapes: {type(error).__name__}: {error}") from error


def _fake_result(graph: fx.Graph, target: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What `target` gives for fake tensors. Raises NotImplementedError where that holds for some sizes only."""
    mode = detect_fake_mode([node.meta["val"] for node in graph.nodes if _is_tensor(node.meta.get("val"))])
    if mode is None:
        raise RuntimeError("the code carries no fake tensors")
    guards = mode.shape_env.guards if mode.shape_env is not None else []
    known = len(guards)
    # Without this, sizes that are known at run time only would be tested for 0 and 1, and narrowed.
    any_size = torch.fx.experimental._config.patch(backed_size_oblivious=True)  # type: ignore[attr-defined]
    with mode, torch.no_grad(), any_size:
        result = target(*args, **kwargs)
    if len(guards) > known:
        raise NotImplementedError(f"it holds for some sizes only: {guards[known].expr}")
    return result


def _same_type(what: str, old: fx.Node, new: fx.Node) -> None:
    before, after = old.meta["val"], new.meta["val"]
    if not (_is_tensor(before) and _is_tensor(after)):
        if type(before) is not type(after):
            raise PassError(f"{what} gives {after!r} for '{old.name}', which is {before!r}")
        return
    same = (
        before.dtype == after.dtype
        and before.dim() == after.dim()
        and all(statically_known_true(left == right) for left, right in zip(before.shape, after.shape))
    )
    if not same:
        raise PassError(f"{what} gives {_show(after)} for '{old.name}', which is {_show(before)}")


def _known(node: fx.Node, excepted: Collection[fx.Node]) -> fx.Node | None:
    """Another call that gives the same as `node`, which rules that make the same value twice would hide from others."""
    if not node.all_input_nodes or not is_repeatable(node):
        return None
    others = (user for user in node.all_input_nodes[0].users if user not in excepted and user.op == "call_function")
    return next((other for other in others if call_key(other) == call_key(node)), None)


def _fit_strides(match: Match, results: Sequence[fx.Node], skipped: set[fx.Node]) -> None:
    """Recompute the fake tensors of what follows where results have other strides; refuses where that fails."""
    changed: dict[fx.Node, Any] = {
        old: new.meta["val"]
        for old, new in zip(match.results, results)
        if _is_tensor(new.meta["val"]) and _strides(old.meta["val"]) != _strides(new.meta["val"])
    }
    if not changed:
        return
    for node in match.root.graph.nodes:
        if node.op != "call_function" or node in skipped or not any(used in changed for used in node.all_input_nodes):
            continue
        args, kwargs = fx.map_arg((node.args, node.kwargs), lambda used: changed.get(used, used.meta["val"]))
        try:
            value = _fake_result(node.graph, node.target, args, kwargs)
        except Exception as error:
            raise Miss(f"{node.target} cannot take the layout of the new value", node) from error
        if _strides(value) != _strides(node.meta["val"]):
            changed[node] = value
    for node, value in changed.items():
        if node not in match.results:
            node.meta["val"] = value


def _between(before: fx.Node, last: fx.Node) -> list[fx.Node]:
    found = []
    node = before.next
    while node is not last:
        found.append(node)
        node = node.next
    return found


def _erase(nodes: Sequence[fx.Node]) -> None:
    for node in reversed(nodes):
        if not node.users:
            node.graph.erase_node(node)


def _loc(match: Match) -> str:
    return str(match.root.meta.get("loc", ""))


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _strides(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_strides(item) for item in value]
    return tuple(map(str, value.stride())) if _is_tensor(value) else None


def _show(value: torch.Tensor) -> str:
    shape = tuple(extent if isinstance(extent, int) else str(extent) for extent in value.shape)
    return show(TensorType(value.dtype, shape))
