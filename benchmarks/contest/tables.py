"""The text of a run: every cell, the ratios, the bars, and what changed since another run."""

from __future__ import annotations

from collections.abc import Sequence

from contest.results import Cell, Run, expected, geomean, latencies, misses, ratios


def report(run: Run) -> str:
    """The whole text of `run`."""
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    parts = [
        f"{run.machine}\n{versions}\n{run.command}\n"
        f"batch 1, NumPy arrays in and out for adaptc and ONNX Runtime, tensors for PyTorch, {run.repeats} turns"
    ]
    threads = sorted({number for record in run.networks.values() for number in record.cells}, key=int)
    for number in threads:
        parts += [_latencies(run, number), _ratios(run, number), _misses(run, number)]
    parts.append(_reasons(run))
    return "\n\n".join(part for part in parts if part)


def comparison(old: Run, new: Run) -> str:
    """The change of every cell that both runs have: new time over old, and reasons that came or went."""
    parts = []
    for number in sorted({number for record in new.networks.values() for number in record.cells}, key=int):
        names = list(new.titles)
        rows = [["network", *(new.titles[name] for name in names)]]
        for network in new.networks:
            if network not in old.networks:
                continue
            row = [network]
            for name in names:
                before, after = _cell(old, network, number, name), _cell(new, network, number, name)
                row.append(_change(before, after, old, new, network))
            rows.append(row)
        parts.append(f"{number} thread{'s' * (number != '1')}: new time / old time\n" + columns(rows))
    return "\n\n".join(parts)


def _change(before: Cell | None, after: Cell | None, old: Run, new: Run, network: str) -> str:
    if before is None or after is None:
        return ""
    first, second = expected(old.networks[network].ways, before), expected(new.networks[network].ways, after)
    if first is not None and second is not None:
        return f"{second / first:.2f}"
    if first is None and second is None:
        return "-"
    return "lost" if second is None else "gained"


def _cell(run: Run, network: str, threads: str, name: str) -> Cell | None:
    return run.networks[network].cells.get(threads, {}).get(name)


def _latencies(run: Run, threads: str) -> str:
    rows = [["network", "load", "paths", *run.titles.values()]]
    for network, record in run.networks.items():
        cells = record.cells.get(threads)
        if cells is None:
            continue
        row = [network, str(record.load.get(threads, "")), str(len(record.ways))]
        for name in run.titles:
            micros = expected(record.ways, cells.get(name))
            row.append(_micros(micros) if micros is not None else _mark(cells.get(name)))
        rows.append(row)
    title = f"Expected latency over the inputs' paths, µs, {threads} thread{'s' * (threads != '1')}"
    notes = "-: cannot take it, see below; !: wrong; load: the machine's load average, about 1 where nothing else ran"
    return f"{title}\n({notes})\n{columns(rows)}"


def _mark(cell: Cell | None) -> str:
    return "" if cell is None else "!" if cell.wrong else "-"


def _micros(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _ratios(run: Run, threads: str) -> str:
    names = [name for name in run.titles if name != "adaptc"]
    rows = [["network", *(run.titles[name] for name in names)]]
    found = {name: ratios(run, threads, name) for name in names}
    for network in run.networks:
        if "adaptc" in latencies(run, network, threads):
            rows.append([network, *(_ratio(found[name].get(network)) for name in names)])
    rows.append(["geomean", *(_ratio(geomean(found[name].values())) for name in names)])
    rows.append(["networks", *(str(len(found[name])) for name in names)])
    title = f"Times as long as adaptc, {threads} thread{'s' * (threads != '1')} (above 1: adaptc is faster)"
    return f"{title}\n{columns(rows)}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _misses(run: Run, threads: str) -> str:
    lines = [f"Bars, {threads} thread{'s' * (threads != '1')}"]
    for bar, missing in misses(run, threads).items():
        lines.append(f"  {bar}: " + (f"{len(missing)} fall short: {', '.join(missing)}" if missing else "all reach it"))
    return "\n".join(lines)


def _reasons(run: Run) -> str:
    """The reason of every empty cell; networks and threads with the same one share a line."""
    groups: dict[tuple[str, str], list[str]] = {}
    for network, record in run.networks.items():
        for threads, cells in record.cells.items():
            for name, cell in cells.items():
                if cell.reason:
                    places = groups.setdefault((run.titles[name], cell.reason), [])
                    places.append(network if len(record.cells) == 1 else f"{network}/{threads}")
    lines = [f"  {title}: {', '.join(places)}: {reason}" for (title, reason), places in sorted(groups.items())]
    return "Cells without a time\n" + "\n".join(lines) if lines else ""


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns, the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]).rstrip()
        for row in rows
    )
