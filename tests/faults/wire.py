"""A TCP connection's way through this process, where it can be cut, held up, or lose what the server answers."""

from __future__ import annotations

import socket
import struct
import threading
import time
from types import TracebackType

_HOST = "127.0.0.1"
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing resets, as a broken line does


class Wire:
    """Between a client that connects to `port` and a server; for as long as a ``with`` block."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server((_HOST, 0))
        self.port: int = self._listening.getsockname()[1]
        self._ends: list[socket.socket] = []
        self._flows = threading.Event()
        self._flows.set()
        self._answers_arrive = True
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones can be made."""
        ends, self._ends = self._ends, []
        for end in ends:
            _break(end)

    def lose_answers(self, seconds: float) -> None:
        """Let the server work on, and nobody hear of it; then break every connection."""
        self._answers_arrive = False
        time.sleep(seconds)
        self.cut()
        self._answers_arrive = True

    def hold(self, seconds: float) -> None:
        """Let nothing through, in either direction; what was held up arrives late."""
        self._flows.clear()
        time.sleep(seconds)
        self._flows.set()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _break(self._listening)
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return  # the block is over
            try:
                server = socket.create_connection((_HOST, self._server_port))
            except OSError:
                _break(client)
                continue
            self._ends += [client, server]
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, True), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self._flows.wait()
                if self._answers_arrive or not answers:
                    target.sendall(data)
        except OSError:
            pass  # one of the two is gone, and so is the other
        finally:
            _break(source)
            _break(target)


def _break(end: socket.socket) -> None:
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        end.shutdown(socket.SHUT_RDWR)  # wakes whoever waits in recv or accept
    except OSError:
        pass  # it was broken before
    finally:
        end.close()
