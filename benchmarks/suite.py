"""Time adaptc beside its peers on dynamic networks, batch 1, in turns within one run, and print every cell.

    python benchmarks/suite.py [--networks early_exit_cnn,skipnet_18] [--threads 1,2] [--repeats 9] [--out run.json]

For each network: inputs are drawn and grouped by the path that they take; every contestant is made ready and compared
with eager PyTorch on each path; then they are timed in turns, NumPy or tensors in, the same out. A cell is the expected
latency over the inputs: the mean of the median latency of the path that each input takes. A contestant that cannot take
a network says why. `--cache DIR` keeps artifacts and compiled peers from run to run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(Path(__file__).parent), str(ROOT / "examples")]

from contest.arena import compete, way_record  # noqa: E402
from contest.cases import make_case  # noqa: E402
from contest.contestants import CONTESTANTS  # noqa: E402
from contest.networks import Network, networks, of_file  # noqa: E402
from contest.plot import draw  # noqa: E402
from contest.results import NetworkRecord, Run  # noqa: E402
from contest.tables import comparison, report  # noqa: E402

PEER_SOURCES = ("examples", "benchmarks/handwritten")
COMPILER = ("adaptc", "compiler", "passes", "runtime")
OUR_SOURCES = ("examples", *COMPILER, "benchmarks/contest/composing.py", "benchmarks/contest/ours.py")
"""The code that decides what the cache holds: other code finds nothing in it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)  # processes that follow are forks of this one, which must have no threads
    torch.set_grad_enabled(False)
    known = networks()
    wanted = {name: known[name] for name in options.networks}
    wanted |= dict(of_file(text, options.inputs or 16) for text in options.model)
    if not options.networks and not options.model:
        wanted = known
    run = _resumed(options.out) if options.resume else None
    if run is not None:
        run.command += f"\n{_command()}"
    run = run or Run(_machine(), _versions(), _command(), options.repeats, {}, {}, {})
    run.titles = {name: one.title for name, one in CONTESTANTS.items() if name in options.peers or name in run.titles}
    run.kinds = {name: CONTESTANTS[name].kind for name in run.titles}
    with tempfile.TemporaryDirectory(prefix="adaptc-suite-") as folder:
        cache = (options.cache or Path(folder)).resolve()
        _compete(run, wanted, options, cache)
    print(report(run))
    if options.compare is not None:
        print("\n" + comparison(_read(options.compare), run))
    if options.plot is not None:
        draw(run, options.plot)
    return 0


def _compete(run: Run, wanted: dict[str, Network], options: argparse.Namespace, cache: Path) -> None:
    folders = {kind: cache / _digest(PEER_SOURCES if kind == "peer" else OUR_SOURCES) for kind in run.kinds.values()}
    for name, network in wanted.items():
        begin = time.perf_counter()
        done = run.networks[name].cells if name in run.networks else {}
        left = {
            threads: [peer for peer in options.peers if peer not in done.get(str(threads), {})]
            for threads in options.threads
        }
        if not any(left.values()):
            continue
        _tell(f"{name}: capturing it and drawing its inputs")
        case = make_case(name, network, options.inputs)
        record = run.networks.setdefault(name, NetworkRecord([way_record(way) for way in case.ways], {}))
        for threads, peers in left.items():
            label = f"{name}, {threads} thread{'s' * (threads > 1)}"
            found = compete(
                case,
                peers,
                threads,
                options.repeats,
                options.limit,
                options.budget,
                {kind: folder / name for kind, folder in folders.items()},
                lambda text, label=label: _tell(f"{label}: {text}"),  # type: ignore[misc]
            )
            record.cells[str(threads)] = {**done.get(str(threads), {}), **found}
            record.load[str(threads)] = round(os.getloadavg()[0], 1)
            if options.out is not None:
                part = options.out.with_suffix(".part")
                part.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1))
                part.replace(options.out)
        _tell(f"{name}: done in {time.perf_counter() - begin:.0f} s", end="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names, peers = list(networks()), list(CONTESTANTS)
    add = parser.add_argument
    add("--networks", type=_listed(names), default=[], metavar="A,B", help=f"all by default: {', '.join(names)}")
    add("--model", action="append", default=[], metavar="FILE[:NAME]", help="a model file of yours, as well")
    add("--peers", type=_listed(peers), default=peers, metavar="A,B", help=f"all by default: {', '.join(peers)}")
    add("--threads", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2], metavar="1,2")
    add("--repeats", type=int, default=9, help="turns; medians are printed")
    add("--inputs", type=int, help="inputs of each network, in place of its own number")
    add("--limit", type=float, default=600.0, help="seconds in which a contestant must be ready for a network")
    add("--budget", type=float, default=120.0, help="seconds after which a network's turns end, from the third on")
    add("--cache", type=Path, metavar="DIR", help="keeps artifacts and compiled peers; a temporary folder by default")
    add("--out", type=Path, metavar="FILE.json", help="keep the results, after each network")
    add("--resume", action="store_true", help="go on with the file of --out: cells that it has are not run again")
    add("--compare", type=Path, metavar="OLD.json", help="print the change of every cell")
    add("--plot", type=Path, metavar="FILE.svg", help="draw the ratios")
    return parser


def _listed(known: Sequence[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
        return names

    return parse


def _resumed(out: Path | None) -> Run | None:
    return _read(out) if out is not None and out.exists() else None


def _read(file: Path) -> Run:
    return msgspec.json.decode(file.read_bytes(), type=Run)


def _digest(sources: Sequence[str]) -> str:
    """A short name for the code in files and folders."""
    total = hashlib.sha256()
    for source in sources:
        for file in sorted((ROOT / source).rglob("*.py")) if (ROOT / source).is_dir() else [ROOT / source]:
            total.update(str(file.relative_to(ROOT)).encode())
            total.update(file.read_bytes())
    return total.hexdigest()[:12]


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = lines[0] if lines else model
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _versions() -> dict[str, str]:
    packages = ("adaptc", "torch", "onnxruntime", "onnx", "onnxscript", "transformers", "numpy")
    return {"Python": platform.python_version(), **{name: version(name) for name in packages}}


def _command() -> str:
    return shlex.join(["python", *sys.argv])


def _tell(text: str, end: str = "") -> None:
    """One line that is written over, on a terminal; else a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end=end, file=sys.stderr, flush=True)
    else:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
