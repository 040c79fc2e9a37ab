"""The `adaptc` command's entry: ``adaptc ...`` and ``python -m adaptc ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command on `arguments` (None: the process's own) and return its exit code."""
    from adaptc.extras import MissingExtraError, needs_command

    try:
        with needs_command():
            from adaptc.command.app import app
        app(args=None if arguments is None else list(arguments), prog_name="adaptc")
    except MissingExtraError as error:
        print(f"adaptc: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
