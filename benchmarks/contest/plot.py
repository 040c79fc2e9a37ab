"""The ratios of a run as an SVG picture, written by hand: a row per network, a dot per contestant."""

from __future__ import annotations

import math
from pathlib import Path

from contest.results import Run, geomean, ratios

ROW, LEFT, WIDTH, TOP = 18, 190, 760, 70
COLOURS = ("#7f7f7f", "#1f77b4", "#17becf", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#2ca02c", "#d62728", "#ff7f0e")
LINES = (0.25, 0.5, 1, 2, 5, 10, 20, 50)


def draw(run: Run, file: Path) -> None:
    """Write the picture to `file`, a panel for each number of threads. Raises ValueError for another suffix."""
    if file.suffix != ".svg":
        raise ValueError(f"{file}: plots are written as .svg")
    threads = sorted({number for record in run.networks.values() for number in record.cells}, key=int)
    panels, top = [], 0
    for number in threads:
        text, height = _panel(run, number, top)
        panels.append(text)
        top += height
    size = f'width="{LEFT + WIDTH + 40}" height="{top}"'
    style = "<style>text{font:12px sans-serif}.axis{stroke:#ddd}.one{stroke:#000}</style>"
    background = '<rect width="100%" height="100%" fill="#fff"/>'
    body = "\n".join([style, background, *panels])
    file.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{body}\n</svg>\n')


def _panel(run: Run, threads: str, top: int) -> tuple[str, int]:
    names = [name for name in run.titles if name != "adaptc"]
    found = {name: ratios(run, threads, name) for name in names}
    networks = [network for network in run.networks if any(network in values for values in found.values())]
    rows: list[tuple[str, dict[str, float]]] = [
        (network, {name: values[network] for name, values in found.items() if network in values})
        for network in networks
    ]
    means = {name: geomean(values.values()) for name, values in found.items()}
    rows.append(("geomean", {name: mean for name, mean in means.items() if mean is not None}))
    values = [value for _, row in rows for value in row.values()] or [1.0]
    low, high = min(0.5, *values), max(10.0, *values)
    count = f"{threads} thread{'s' * (threads != '1')}"
    heading = f"Latency in multiples of adaptc's, {count} (right of 1: adaptc is faster)"
    parts = [f'<text x="10" y="{top + 20}" font-weight="bold">{heading}</text>']
    for index, name in enumerate(names):
        x = 10 + 95 * index
        parts.append(f'<circle cx="{x + 5}" cy="{top + 38}" r="5" fill="{COLOURS[index % len(COLOURS)]}"/>')
        parts.append(f'<text x="{x + 14}" y="{top + 42}">{run.titles[name]}</text>')

    def place(value: float) -> float:
        return LEFT + WIDTH * (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))

    bottom = top + TOP + ROW * len(rows)
    for line in LINES:
        if low <= line <= high:
            across, kind = place(line), "one" if line == 1 else "axis"
            ends = f'x1="{across:.1f}" x2="{across:.1f}" y1="{top + TOP - 12}" y2="{bottom}"'
            parts.append(f'<line class="{kind}" {ends}/>')
            parts.append(f'<text x="{across:.1f}" y="{top + TOP - 14}" text-anchor="middle">{line}</text>')
    for number, (label, row) in enumerate(rows):
        y = top + TOP + ROW * number + 8
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{label}</text>')
        for name, value in row.items():
            colour = COLOURS[names.index(name) % len(COLOURS)]
            dot = f'<circle cx="{place(value):.1f}" cy="{y}" r="5" fill="{colour}" fill-opacity="0.8">'
            parts.append(f"{dot}<title>{label}, {run.titles[name]}: {value:.2f}</title></circle>")
    return "\n".join(parts), bottom - top + 30
