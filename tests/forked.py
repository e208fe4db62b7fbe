"""A process that has imported the command already, and forks for each call: what every call else does again first.

Each command is a process of its own still, with its own arguments, environment, folder and streams.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LONGEST = 2**18  # bytes of a request: arguments and an environment


class Forked:
    """Starts commands."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            )  # fmt: skip
        self._socket = ours

    def run(
        self,
        arguments: list[str],
        stdin: str = "",
        environment: Mapping[str, str] = os.environ,
        *,
        folder: Path | None = None,
        timeout: float = 60,
    ) -> subprocess.CompletedProcess[str]:
        """As `subprocess.run` does it; in this process's own *folder*, or another."""
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as wrong:
            given.write(stdin.encode())
            given.seek(0)
            place = str(folder or Path.cwd())
            told = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": place}).encode()
            socket.send_fds(self._socket, [told], [given.fileno(), said.fileno(), wrong.fileno()])
            self._socket.settimeout(timeout)
            process = int(self._socket.recv(LONGEST))
            try:
                code = int(self._socket.recv(LONGEST))
            except TimeoutError:
                os.kill(process, 9)
                self._socket.settimeout(None)
                self._socket.recv(LONGEST)
                raise subprocess.TimeoutExpired(arguments, timeout) from None
            said.seek(0)
            wrong.seek(0)
            return subprocess.CompletedProcess(arguments, code, said.read().decode(), wrong.read().decode())

    def end(self) -> None:
        """End."""
        self._socket.close()
        self._process.wait(10)


def _serve(requests: socket.socket) -> None:
    import sesevent.cli.app
    import sesevent.sync  # noqa: F401  # what most commands need

    while True:
        told, files, _, _ = socket.recv_fds(requests, LONGEST, 3)
        if not told:
            return
        process = os.fork()
        if not process:
            _be(json.loads(told), files, requests)
        for file in files:
            os.close(file)
        requests.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _be(told: dict[str, Any], files: list[int], requests: socket.socket) -> None:
    """Be the command."""
    requests.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(told["environment"])
    os.chdir(told["folder"])
    sys.argv = ["sesevent", *told["arguments"]]
    from sesevent.cli import main

    code: Any = 1
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  # as Python itself ends on one
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(int(code or 0))


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
