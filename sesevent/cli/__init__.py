"""The ``sesevent`` command: translate in, call one method of the store, translate out.

It decides nothing. Exit codes: 0 done; 1 something in the input or the set-up is wrong; 2 the
command could not be carried out; 3 an address may not be mailed; 4 an alarm warns; 5 an alarm is critical;
130 interrupted; 143 terminated.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper

from sesevent.errors import MissingExtra, SesEventError

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that knows only ASCII is shown escapes
            stream.reconfigure(errors="backslashreplace")
    try:
        _app()()
    except KeyboardInterrupt:  # while modules are still being imported; later typer sees to it
        sys.exit(130)
    except SesEventError as error:
        _leave(str(error), 2)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not complain of it again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _stop(number: int, _frame: object) -> None:
    """End as from within, so that what was begun is put away."""
    sys.exit(128 + number)


def _app() -> Callable[[], object]:
    try:
        from sesevent.cli.app import app
    except ImportError:
        raise MissingExtra("The sesevent command", "cli") from None
    return app


def _leave(message: str, code: int) -> None:
    print(f"sesevent: {message}", file=sys.stderr)
    sys.exit(code)
