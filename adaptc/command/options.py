"""Options that subcommands share."""

from __future__ import annotations

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
ShowTraceback = Annotated[bool, typer.Option("--traceback", help="Show the full traceback of an error.")]
