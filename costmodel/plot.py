"""A plot of predicted beside measured times, as an SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from adaptc.costmodel.models.kernel_sum import Array

SIDE, MARGIN = 520, 60
_COLORS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb")
"""Tol's bright scheme, which colour-blind people can tell apart."""


def scatter(predicted: Array, measured: Array, families: Sequence[str], title: str) -> str:
    """Each unit as a point, its measured time to the right and its predicted time upwards, both logarithmic in µs.

    Between the dashed lines a prediction is within 10 %.
    """
    low = math.floor(math.log10(min(predicted.min(), measured.min())))
    high = math.ceil(math.log10(max(predicted.max(), measured.max())))
    scale = (SIDE - 2 * MARGIN) / (high - low)

    def right(value: float) -> float:
        return MARGIN + (math.log10(value) - low) * scale

    def up(value: float) -> float:
        return SIDE - MARGIN - (math.log10(value) - low) * scale

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE + 140}" height="{SIDE}" font-family="sans-serif" '
        f'font-size="11"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{MARGIN}" y="24" font-size="14">{escape(title)}: predicted and measured µs, unseen families</text>',
    ]
    for power in range(low, high + 1):
        value = 10.0**power
        parts.append(
            f'<path d="M{right(value):.1f} {up(10.0**low):.1f}V{up(10.0**high):.1f}M{right(10.0**low):.1f} '
            f'{up(value):.1f}H{right(10.0**high):.1f}" stroke="#dddddd"/>'
        )
        parts.append(f'<text x="{right(value):.1f}" y="{SIDE - MARGIN + 16}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<text x="{MARGIN - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{value:g}</text>')
    ends = 10.0**low, 10.0**high
    for factor, dash in ((1.0, ""), (1.1, "4 3"), (1 / 1.1, "4 3")):
        shown = [(x, min(max(x * factor, ends[0]), ends[1])) for x in ends]
        line = " ".join(f"{right(x):.1f},{up(y):.1f}" for x, y in shown)
        parts.append(f'<polyline points="{line}" fill="none" stroke="#888888" stroke-dasharray="{dash}"/>')
    names = sorted(set(families))
    colors = {name: _COLORS[place % len(_COLORS)] for place, name in enumerate(names)}
    for x, y, family in zip(measured.tolist(), predicted.tolist(), families):
        parts.append(
            f'<circle cx="{right(x):.1f}" cy="{up(y):.1f}" r="2.2" fill="{colors[family]}" fill-opacity="0.6">'
            f"<title>{escape(family)}: {x:.1f} µs, predicted {y:.1f} µs</title></circle>"
        )
    for place, name in enumerate(names):
        y = MARGIN + 14 * place
        parts.append(f'<circle cx="{SIDE - 30}" cy="{y - 4}" r="4" fill="{colors[name]}"/>')
        parts.append(f'<text x="{SIDE - 20}" y="{y}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
