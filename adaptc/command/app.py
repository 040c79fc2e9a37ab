"""The subcommands and their options. What each does stands in the module of its name."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal, Optional

import typer

from adaptc.command.costmodel import costmodel
from adaptc.command.options import Json, ShowTraceback
from adaptc.command.output import run_subcommand

app = typer.Typer(
    name="adaptc",
    help="Compile dynamic neural networks to units and a host program that run without PyTorch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its panels cut long examples short
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(costmodel)

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="A .py file that defines `model` and `example_inputs`, or a network: .onnx or .pt2."
    ),
]
ArtifactArgument = Annotated[Path, typer.Argument(metavar="ARTIFACT", help="The folder or .adaptc file.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="The network's name in MODEL.py.")]
Inputs = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads this at run time
    typer.Option(
        "--input",
        metavar="SPEC",
        help='Example input: "x=float32[1,3,32,32]", "ids=int64[1,16]:0..1000" or "x=file.npy". Repeatable.',
    ),
]
Dynamic = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--dynamic", metavar="SPEC", help='A dynamic axis and its name: "x:0=batch". Repeatable.'),
]
RandomInputs = Annotated[int, typer.Option(min=0, help="Random input sets to verify with.")]
MaxIterations = Annotated[
    int, typer.Option(min=1, help="Runs in which a loop takes more iterations are not compared in verification.")
]
RandomSeed = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option("--random-seed", min=0, help="Seed of the random numbers that the network itself draws."),
]
Engine = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option("--engine", metavar="NAME", help="The engine to run on; without it, the artifact's own."),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads that the engine may use.")]


def _version(value: bool) -> None:
    if value:
        typer.echo(f"adaptc {version('adaptc')}")
        raise typer.Exit


@app.callback()
def adaptc(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Compile dynamic neural networks to units and a host program that run without PyTorch."""


@app.command("compile")
def compile_command(
    file: ModelArgument,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "-o",
            "--output",
            metavar="PATH",
            help="A folder, a single file if it ends in .adaptc, or a single ONNX model if it ends in .onnx. Without "
            "it, NET-artifact for NET.py and NET/model.py, and NAME-artifact with --name.",
        ),
    ] = None,
    name: Name = "model",
    inputs: Inputs = None,
    dynamic: Dynamic = None,
    verify: Annotated[bool, typer.Option("--verify/--no-verify", help="Compare with PyTorch on every path.")] = True,
    random_inputs: RandomInputs = 8,
    max_iterations: MaxIterations = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    random_seed: RandomSeed = None,
    plan: Annotated[
        Literal["auto", "measure", "graphs", "blocks"],
        typer.Option(
            help="How regions run: as one graph or block by block, whichever is expected to be faster (auto) or was "
            "measured to be (measure), or each that can as a graph, or each block on its own."
        ),
    ] = "auto",
    emit: Annotated[
        Optional[Literal["artifact", "onnx"]],  # noqa: UP045
        typer.Option(help="What to write; without it, what the output's name ends in says."),
    ] = None,
    profile: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--profile", metavar="FILE.json", help="What adaptc profile wrote: the usual path is made fast."),
    ] = None,
    cost_model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(
            "--cost-model",
            metavar="FILE",
            help="What prices the plan; without it, the model that fits this machine best.",
        ),
    ] = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Compile a network and verify every path against PyTorch."""
    from adaptc.command.compile import CompileRequest, compile_model_file

    request = CompileRequest(
        file,
        output,
        name,
        tuple(inputs or ()),
        tuple(dynamic or ()),
        verify,
        random_inputs,
        max_iterations,
        seed,
        random_seed,
        plan,
        emit,
        profile,
        cost_model,
    )
    run_subcommand(lambda out: compile_model_file(out, request), as_json=as_json, show_traceback=show_traceback)


@app.command("run")
def run_command(
    artifact: ArtifactArgument,
    inputs: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--input",
            metavar="SPEC",
            help='"x=file.npy", "x=image.png", "file.npz" (arrays by input name) or "x=float32[1,3]". Repeatable.',
        ),
    ] = None,
    random: Annotated[bool, typer.Option("--random", help="Random values for inputs that are not given.")] = False,
    sizes: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(
            "--size",
            metavar="DIM=N",
            help="Size of a named dimension of random inputs; without it, that of the artifact's first sample, or 1.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    save: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--save", metavar="FILE.npz", help="Write the outputs to a file."),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show the units that ran, and where the time of that call went.")
    ] = False,
    repeat: Annotated[int, typer.Option(min=1, help="Calls to time; the median is shown.")] = 1,
    engine: Engine = None,
    threads: Threads = 1,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Run an artifact, without PyTorch.

    Shows the outputs, the path that the inputs take, and the latency.
    """
    from adaptc.command.run import RunRequest, run_artifact

    request = RunRequest(
        artifact, tuple(inputs or ()), random, tuple(sizes or ()), seed, save, trace, repeat, engine, threads
    )
    run_subcommand(lambda out: run_artifact(out, request), as_json=as_json, show_traceback=show_traceback)


@app.command("profile")
def profile_command(
    artifact: ArtifactArgument,
    inputs: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Argument(metavar="[INPUTS]...", help="Files .npz with arrays by input name, or folders of them."),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE.json", help="Where the profile is written.")
    ] = Path("profile.json"),
    samples: Annotated[
        bool, typer.Option("--samples", help="Run the samples of the artifact too, as their data decides.")
    ] = False,
    engine: Engine = None,
    threads: Threads = 1,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Record how often each way of each decision is taken, without PyTorch.

    Give inputs as the application will see them: `adaptc compile --profile` makes the path fast that most of them take.
    """
    from adaptc.command.profile import ProfileRequest, profile_artifact

    request = ProfileRequest(artifact, tuple(inputs or ()), output, samples, engine, threads)
    run_subcommand(lambda out: profile_artifact(out, request), as_json=as_json, show_traceback=show_traceback)


@app.command("verify")
def verify_command(
    artifact: ArtifactArgument,
    model_file: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--model", metavar="MODEL", help="Compare with this network on every path, afresh."),
    ] = None,
    name: Name = "model",
    inputs: Inputs = None,
    dynamic: Dynamic = None,
    random_inputs: RandomInputs = 8,
    max_iterations: MaxIterations = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of random inputs.")] = 0,
    engine: Engine = None,
    threads: Threads = 1,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Check an artifact on this machine.

    Runs the samples that the artifact carries and compares the outputs with those that PyTorch gave for them; this
    needs no PyTorch. With --model, compares with the network itself on every path.
    """
    from adaptc.command.verify import VerifyRequest, verify_artifact

    request = VerifyRequest(
        artifact,
        model_file,
        name,
        tuple(inputs or ()),
        tuple(dynamic or ()),
        random_inputs,
        max_iterations,
        seed,
        engine,
        threads,
    )
    run_subcommand(lambda out: verify_artifact(out, request), as_json=as_json, show_traceback=show_traceback)


@app.command("explain")
def explain_command(
    artifact: ArtifactArgument,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Tell how each region of a compiled network runs, what that costs, and why it was chosen."""
    from adaptc.command.explain import explain_artifact

    run_subcommand(lambda out: explain_artifact(out, artifact), as_json=as_json, show_traceback=show_traceback)


@app.command("inspect")
def inspect_command(
    target: Annotated[Path, typer.Argument(metavar="ARTIFACT|MODEL", help="What to look into.")],
    name: Name = "model",
    inputs: Inputs = None,
    dynamic: Dynamic = None,
    random_seed: RandomSeed = None,
    mlir: Annotated[bool, typer.Option("--mlir", help="Print the program as MLIR (of a MODEL only).")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print the control-flow graph for Graphviz.")] = False,
    host: Annotated[
        bool, typer.Option("--host", help="Print the host program as Python (of an ARTIFACT only).")
    ] = False,
    source: Annotated[
        bool, typer.Option("--source", help="Print the Python that an ONNX model is read as (of an .onnx file only).")
    ] = False,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Show blocks, branches and sizes."""
    from adaptc.command.inspect import InspectRequest, inspect_target

    if mlir + dot + host + source + as_json > 1:
        raise typer.BadParameter("give one of --mlir, --dot, --host, --source and --json")
    request = InspectRequest(
        target, name, tuple(inputs or ()), tuple(dynamic or ()), mlir, dot, host, source, random_seed
    )
    run_subcommand(lambda out: inspect_target(out, request), as_json=as_json, show_traceback=show_traceback)


@app.command("check")
def check_command(
    file: ModelArgument,
    name: Name = "model",
    inputs: Inputs = None,
    dynamic: Dynamic = None,
    random_seed: RandomSeed = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """List what cannot be compiled in a network.

    Shows every problem at once; where there is none, shows where the network branches on its data.
    """
    from adaptc.command.check import check_model_file

    run_subcommand(
        lambda out: check_model_file(out, file, name, tuple(inputs or ()), tuple(dynamic or ()), random_seed),
        as_json=as_json,
        show_traceback=show_traceback,
    )


@app.command("opt")
def opt_command(
    target: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Argument(metavar="MODEL", help="A .py file that defines `model` and `example_inputs`, .onnx or .pt2."),
    ] = None,
    passes: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(
            "--passes",
            metavar="LIST",
            help='What to run: "fold-branches,propagate-constants{max_bytes=64}"; without it, what a compile runs.',
        ),
    ] = None,
    load: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--load", metavar="FILE.py", help="A file that registers passes of yours. Repeatable."),
    ] = None,
    list_passes: Annotated[bool, typer.Option("--list", help="List all passes and rules with their options.")] = False,
    print_changed: Annotated[
        bool, typer.Option("--print-changed", help="Print the lines of MLIR that each pass changes.")
    ] = False,
    print_after_all: Annotated[
        bool, typer.Option("--print-after-all", help="Print the program as MLIR after each pass.")
    ] = False,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Show times and changes, and where rules did not apply and why.")
    ] = False,
    verify_each: Annotated[
        bool, typer.Option("--verify-each", help="Compare the program's results, on every path, after each pass.")
    ] = False,
    bisect: Annotated[
        bool, typer.Option("--bisect", help="Find the first pass or rewrite that changes the program's results.")
    ] = False,
    name: Name = "model",
    inputs: Inputs = None,
    dynamic: Dynamic = None,
    random_seed: RandomSeed = None,
    as_json: Json = False,
    show_traceback: ShowTraceback = False,
) -> None:
    """Run passes on a network's program.

    Prints the program as MLIR in the end, or what the options ask for.
    """
    from adaptc.command.opt import OptRequest, optimise_target

    if print_changed + print_after_all + bisect > 1:
        raise typer.BadParameter("give one of --print-changed, --print-after-all and --bisect")
    if target is None and not list_passes:
        raise typer.BadParameter("name a MODEL, or give --list")
    request = OptRequest(
        target,
        name,
        tuple(inputs or ()),
        tuple(dynamic or ()),
        random_seed,
        passes,
        list_passes,
        print_changed,
        print_after_all,
        statistics,
        verify_each,
        bisect,
        tuple(load or ()),
    )
    run_subcommand(lambda out: optimise_target(out, request), as_json=as_json, show_traceback=show_traceback)
