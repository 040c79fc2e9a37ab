"""Tensors of images whose channels stand in blocks: NCHWc, ONNX Runtime's layout for convolutions.

NCHW:   [batch, channels, height, width]
NCHWc:  [batch, channels / c, height, width, c], declared as [batch, channels, height, width], with channels of zeros up
        to a multiple of c, the floats of a vector of the processor: 8 or 16
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import onnx_ir as ir

DOMAIN = "com.microsoft.nchwc"
"""ONNX Runtime's operators on blocked tensors."""

Extent = Hashable
"""The size of a dimension: a number, or what it was computed from; equal ones are the same size."""


@dataclass(frozen=True)
class Blocked:
    """`value` holds, blocked, a tensor of `channels` channels; `extents` are its batch, height and width.

    `is_copy` says that it was made of the same tensor in NCHW, which is there too.
    """

    value: ir.Value
    channels: int
    extents: tuple[Extent, Extent, Extent]
    is_copy: bool = False


Twins = ChainMap[ir.Value, Blocked]
"""What stands, blocked, for values that may be read at a place; a map for each graph around it, the innermost first."""


def extents_of(value: ir.Value, twins: Mapping[ir.Value, Blocked]) -> tuple[Extent, Extent, Extent] | None:
    """Batch, height and width of `value`; None where it is not known to have four dimensions."""
    return twins[value].extents if value in twins else declared(value)


def declared(value: ir.Value) -> tuple[Extent, Extent, Extent] | None:
    """Batch, height and width of `value` as its type tells them."""
    if value.shape is None or len(value.shape) != 4:
        return None
    batch, _, height, width = (dim if isinstance(dim, int) else (value, axis) for axis, dim in enumerate(value.shape))
    return batch, height, width


def numbers(value: ir.Value) -> list[int]:
    """The shape of a weight."""
    return [dim for dim in value.shape or () if isinstance(dim, int)]


def channels_of(value: ir.Value) -> int | None:
    """The number of channels of `value`, where it is known."""
    if value.shape is None or len(value.shape) != 4:
        return None
    found = value.shape[1]
    return found if isinstance(found, int) else None


def aligned(channels: int, size: int) -> int:
    """The next multiple of the block's `size`."""
    return -(-channels // size) * size


def describe(value: ir.Value, blocked: Blocked, size: int) -> ir.Value:
    """Give `value` the type of `blocked`."""
    batch, height, width = (extent if isinstance(extent, int) else None for extent in blocked.extents)
    value.type = ir.TensorType(ir.DataType.FLOAT)
    value.shape = ir.Shape([batch, aligned(blocked.channels, size), height, width])
    return value


class Place:
    """Where new nodes go: into `graph`, before `before` or, without it, to the end."""

    def __init__(self, graph: ir.Graph, before: ir.Node | None, like: ir.Node | None = None) -> None:
        self.graph = graph
        self._before = before
        self._props = {} if like is None else dict(like.metadata_props)

    def node(self, domain: str, operator: str, inputs: list[ir.Value | None], attributes: list[ir.Attr]) -> ir.Value:
        """The one result, which has no type yet, of a new node."""
        made = ir.Node(domain, operator, inputs, attributes, metadata_props=dict(self._props))
        if self._before is None:
            self.graph.append(made)
        else:
            self.graph.insert_before(self._before, made)
        return made.outputs[0]


def reorder_input(place: Place, plain: ir.Value, channels: int, extents: tuple[Extent, ...], size: int) -> Blocked:
    """The blocked copy of `plain`, made by a new node."""
    value = place.node(DOMAIN, "ReorderInput", [plain], [ir.AttrInt64("channels_last", 0)])
    batch, height, width = extents
    blocked = Blocked(value, channels, (batch, height, width), is_copy=True)
    describe(value, blocked, size)
    return blocked


def reorder_output(place: Place, blocked: Blocked) -> ir.Value:
    """The NCHW copy of `blocked`, made by a new node."""
    attributes = [ir.AttrInt64("channels", blocked.channels), ir.AttrInt64("channels_last", 0)]
    plain = place.node(DOMAIN, "ReorderOutput", [blocked.value], attributes)
    batch, height, width = (extent if isinstance(extent, int) else None for extent in blocked.extents)
    plain.type, plain.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape([batch, blocked.channels, height, width])
    return plain
