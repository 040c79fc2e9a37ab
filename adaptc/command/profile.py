"""``adaptc profile``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adaptc.command.output import OK, Output
from adaptc.command.run import arrays_for, call_arguments
from adaptc.command.text import count, facts, main_file, place, table
from adaptc.compiler.input_specs import Array, load_npz
from adaptc.compiler.profile import Profile, Recorder, write_profile
from adaptc.runtime.artifact import Artifact, open_artifact
from adaptc.runtime.errors import InputError
from adaptc.runtime.executable import Executable
from adaptc.runtime.hostprogram import Branch, HostBlock, Switch


@dataclass(frozen=True)
class ProfileRequest:
    """The command line of ``adaptc profile``."""

    artifact: Path
    inputs: tuple[Path, ...]
    output: Path
    samples: bool
    engine: str | None
    threads: int


def profile_artifact(output: Output, request: ProfileRequest) -> int:
    """Run the artifact on all inputs, write how often each way was taken, and show it."""
    artifact = open_artifact(request.artifact)
    with Executable(artifact, request.engine, request.threads) as executable:
        recorder = Recorder(artifact.manifest.name, artifact.host.entry, artifact.host.blocks)
        for arrays in _input_sets(artifact, request):
            args, kwargs = call_arguments(artifact.manifest.signature, arrays)
            recorder.add(executable.trace(*args, **kwargs))
    profile = recorder.profile()
    if not profile.calls:
        raise InputError("nothing to record: pass .npz files or folders of them, or --samples")
    write_profile(profile, request.output)
    _show(output, request, profile, artifact.host.blocks)
    rows = [{"block": name, "taken": list(ways)} for name, ways in profile.ways.items()]
    output.answer({"ok": True, "profile": str(request.output), "calls": profile.calls, "ways": rows})
    return OK


def _input_sets(artifact: Artifact, request: ProfileRequest) -> Iterator[list[Array]]:
    for path in request.inputs:
        files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not files:
            raise InputError(f"there is no .npz file in the folder {path}")
        for file in files:
            if file.suffix != ".npz":
                raise InputError(f"{file} is no .npz file: its arrays would be called by the names of the inputs")
            yield arrays_for(artifact, file)
    if request.samples:
        for sample in artifact.manifest.samples:
            numbered = load_npz("sample", artifact.folder / sample.inputs)
            yield [numbered[str(index)] for index in range(len(artifact.manifest.signature.inputs))]


def _show(output: Output, request: ProfileRequest, profile: Profile, blocks: tuple[HostBlock, ...]) -> None:
    file = main_file(block.terminator.loc for block in blocks if isinstance(block.terminator, (Branch, Switch)))
    rows = table("line", "block", "|taken")
    for block in blocks:
        match block.terminator:
            case Branch(loc=loc):
                names = ["true", "false"]
            case Switch(loc=loc, keys=keys):
                names = [*map(str, keys), "else"]
            case _:
                continue
        ways = zip(names, profile.ways[block.name])
        rows.add_row(place(loc), block.name, ", ".join(f"{name} {taken}" for name, taken in ways))
    if profile.ways:
        output.print(rows, "")
    hottest = profile.paths[0]
    about = [
        ("calls", f"{profile.calls}, on {count(profile.distinct, 'path')} in {file}"),
        ("hottest", f"{hottest.calls / profile.calls:.0%} of the calls: {' → '.join(hottest.blocks)}"),
        ("profile", str(request.output)),
        ("next", f"adaptc compile MODEL --profile {request.output}"),
    ]
    output.print(*facts(about, output.console.width))
