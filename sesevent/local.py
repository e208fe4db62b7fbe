"""A real MongoDB server for laptops, demos and tests: no Docker, no administrator, nothing left behind.

`server` runs one for as long as a ``with`` block and removes its data; `replica_set` does the same
and hands out its members, for trying what happens when one is killed or paused; `start`, `stop` and
`status` keep one on a directory the user names. Each is a replica set, so that transactions and
change streams work, and listens on the loopback interface only. It is not for production, and
it knows nothing of events. The binary comes with the extra ``local`` on Linux x86_64; elsewhere
a ``mongod`` on the PATH is used. Next: :mod:`sesevent.sync`, which connects to it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, cast

from sesevent.errors import ConfigurationError, StoreUnavailable

__all__ = [
    "Member", "ReplicaSet", "Running", "default_directory", "find_mongod", "replica_set", "server", "start", "status",
    "stop",
]  # fmt: skip

REPLICA_SET = "sesevent"
_HOST = "127.0.0.1"
_STATE = "sesevent-local.json"
_LOCK = "sesevent-local.lock"
_LOG = "mongod.log"
_NODE_NOT_FOUND = 74  # MongoDB's error code
_PATIENCE = 20.0  # seconds that a server which is told to end may take: on a full disk it may never do


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs on a directory."""

    uri: str
    pid: int
    port: int
    directory: Path


def find_mongod() -> Path:
    """The server's binary: from the extra ``local``, or on the PATH.

    Raises ConfigurationError that says what to do where there is none.
    """
    packed = _packed_mongod()
    if packed is not None:
        return packed
    on_path = shutil.which("mongod")
    if on_path is None:
        raise ConfigurationError(
            "There is no MongoDB server on this machine.",
            hint="On Linux x86_64: pip install 'sesevent[local]'. Elsewhere: put a mongod on the PATH, "
            "or set SESEVENT_MONGODB_URI to a server that runs.",
        )
    return Path(on_path)


def default_directory() -> Path:
    """Where `start` keeps its data if no directory is named."""
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "sesevent" / "mongod"


@contextmanager
def server(
    directory: Path | str | None = None, *, members: int = 1, port: int | None = None, startup_seconds: float = 30.0
) -> Iterator[str]:
    """Run a replica set for as long as the block, and yield its URI.

    Without *directory* the data is temporary. The servers end with the block, on Ctrl-C, and
    also if this process is killed: a small watchdog holds a pipe to it. Raises
    ConfigurationError where a server cannot be started, with the end of its log.
    """
    with replica_set(directory, members=members, port=port, startup_seconds=startup_seconds) as running:
        yield running.uri


class Member:
    """One server of a `ReplicaSet`: to be killed, paused and started again. Signals are not for Windows."""

    def __init__(self, directory: Path, port: int, startup_seconds: float, temporary: Path | None) -> None:
        self.directory = directory
        self.port = port
        self.pid = 0
        """Process id of the server, or, where it does not run, of the one that ran last."""
        self._startup_seconds = startup_seconds
        self._temporary = temporary
        self._watchdog: subprocess.Popen[str] | None = None

    @property
    def running(self) -> bool:
        """Whether its process is there, paused or not."""
        return self._watchdog is not None and self._watchdog.poll() is None

    @property
    def role(self) -> str:
        """``primary``, ``secondary``, or empty: it does not answer, or is neither yet."""
        from pymongo.errors import PyMongoError

        try:
            with _client(self.port, seconds=1) as client:
                told = client.admin.command("hello")
        except PyMongoError:
            return ""
        return "primary" if told["isWritablePrimary"] else "secondary" if told.get("secondary") else ""

    def start(self) -> None:
        """Start it where it does not run, with the port and the data it had.

        Raises ConfigurationError with the end of its log where it does not start.
        """
        if self.running:
            return
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._watchdog, self.pid = _watchdog(_command(self.directory, self.port), self._temporary)
        _wait_until(lambda: _listening(self.port) or not self.running, self._startup_seconds)
        if not self.running:
            raise _failed(self.directory)

    def kill(self) -> None:
        """End it as a power failure does (SIGKILL)."""
        self._signal(signal.SIGKILL)
        if self._watchdog is not None:
            self._watchdog.wait()

    def pause(self) -> None:
        """Let it stand still with all its connections open (SIGSTOP), until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue, as if no time had passed (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """End it in order, paused or not."""
        if self._watchdog is not None:
            if self._watchdog.stdin is not None:
                self._watchdog.stdin.close()
            self._watchdog.wait()

    def _signal(self, number: int) -> None:
        if self.running:
            os.kill(self.pid, number)


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """A replica set that runs for as long as a block."""

    uri: str
    members: tuple[Member, ...]

    def primary(self, *, seconds: float = 30.0) -> Member:
        """The member that takes writes; where there is none, that is waited for.

        Raises StoreUnavailable where there is still none after so many seconds.
        """
        found: list[Member] = []

        def look() -> bool:
            found.extend(member for member in self.members if member.running and member.role == "primary")
            return bool(found)

        _wait_until(look, seconds)
        return found[0]


@contextmanager
def replica_set(
    directory: Path | str | None = None, *, members: int = 3, port: int | None = None, startup_seconds: float = 30.0
) -> Iterator[ReplicaSet]:
    """Run a replica set for as long as the block, and yield it with its members. They elect within seconds.

    Otherwise as `server`.
    """
    with ExitStack() as cleanup:
        ours = directory is None
        if directory is None:
            directory = cleanup.enter_context(
                tempfile.TemporaryDirectory(prefix="sesevent-", ignore_cleanup_errors=True)
            )
        home = Path(directory)
        ports = [port or _free_port(), *[_free_port() for _ in range(members - 1)]]
        started = []
        for number, each in enumerate(ports):
            data = home if members == 1 else home / f"member-{number}"
            _readdress(data, ports)
            member = Member(data, each, startup_seconds, home if ours else None)
            cleanup.callback(member.close)
            member.start()
            started.append(member)
        _initiate(ports, startup_seconds)
        _wait_until(lambda: all(member.role for member in started), startup_seconds)
        yield ReplicaSet(_uri(ports), tuple(started))


def start(directory: Path | str | None = None, *, port: int | None = None, startup_seconds: float = 30.0) -> Running:
    """Start a server on *directory* that outlives this process; if one runs there already, return that.

    The port is *port*, or the one it had last time, or a free one. Raises ConfigurationError
    where it cannot be started, with the end of its log.
    """
    home = _home(directory)
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / _LOCK).touch()
    except OSError as error:
        raise ConfigurationError(f"Nothing can be written in {home}: {error.strerror}.") from None
    with _only_one(home):
        running = status(home)
        if running is not None:
            return running
        chosen = port or _remembered_port(home) or _free_port()
        if chosen != _last_port(home):
            _readdress(home, [chosen])
        _fork(_command(home, chosen), home)
        (home / _STATE).write_text(json.dumps({"port": chosen}), encoding="utf-8")
        _initiate([chosen], startup_seconds)
        running = status(home)
        if running is None:
            raise _failed(home)
        return running


def status(directory: Path | str | None = None) -> Running | None:
    """The server that runs on *directory*, or None.

    A process id or a port proves nothing after a crash; so the server itself is asked which
    directory it serves.
    """
    home = _home(directory)
    port = _last_port(home)
    if port is None or not _listening(port):
        return None
    from pymongo.errors import PyMongoError

    try:
        with _client(port, seconds=2) as client:  # a server that is dying still accepts, and never answers
            options = client.admin.command("getCmdLineOpts")["parsed"]
            pid = client.admin.command("serverStatus", repl=0, metrics=0, wiredTiger=0)["pid"]
    except PyMongoError:
        return None  # something else listens there, or it is just going down
    if Path(options.get("storage", {}).get("dbPath", "")) != home:
        return None
    return Running(_uri([port]), int(pid), port, home)


def stop(directory: Path | str | None = None, *, seconds: float = 30.0) -> bool:
    """Stop the server on *directory*; False where none runs. Only a server proven to be it is told to."""
    running = status(directory)
    if running is None:
        return False
    _shut_down(running.port)
    _wait_until(lambda: not _listening(running.port) and not _holds_lock(running.directory), seconds)
    return True


# ── Finding and starting ─────────────────────────────────────────────────────────────────────


def _packed_mongod() -> Path | None:
    # The package is not imported: it is only where the wheel puts the file.
    spec = find_spec("fiftyone")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        binary = Path(place) / "db" / "bin" / "mongod"
        if binary.exists():
            return _executable(binary)
    return None


def _executable(binary: Path) -> Path:
    """Wheels may lose the run bit."""
    if not os.access(binary, os.X_OK):
        try:
            binary.chmod(binary.stat().st_mode | 0o111)
        except OSError:
            raise ConfigurationError(
                "The packed MongoDB server may not be run.", hint=f"Once, as its owner: chmod +x '{binary}'"
            ) from None
    return binary


def _command(data: Path, port: int, *, alone: bool = False) -> list[str]:
    return [
        str(find_mongod()), "--dbpath", str(data), "--port", str(port), "--bind_ip", _HOST, "--nounixsocket",
        *(() if alone else ("--replSet", REPLICA_SET, "--oplogSize", "128")), "--wiredTigerCacheSizeGB", "0.5",
        "--logpath", str(data / _LOG), "--logappend", "--setParameter", "diagnosticDataCollectionEnabled=false",
        # A member of a set waits 15 s for the others before it obeys a signal; here nobody needs that.
        "--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100",
    ]  # fmt: skip


def _watchdog(command: list[str], temporary: Path | None) -> tuple[subprocess.Popen[str], int]:
    """Start a server below a watchdog, which ends it when our end of the pipe closes, however we ended.

    The watchdog ends when the server does. Returned with it is the server's process id.
    """
    watchdog = subprocess.Popen(
        [sys.executable, "-m", "sesevent.local", str(temporary or ""), *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us; we then close the pipe
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        text=True,
    )
    with cast("IO[str]", watchdog.stdout) as told:
        return watchdog, int(told.readline() or 0)  # nothing: it has ended, and so has the server


def _watch(temporary: str, command: list[str], pipe: IO[Any]) -> int:
    """The watchdog: run the server until the pipe closes, then clean up. Runs in a process of its own."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    told_to_end = threading.Event()

    def end_with_the_pipe() -> None:
        pipe.read()
        told_to_end.set()
        child.terminate()
        if hasattr(signal, "SIGCONT"):
            child.send_signal(signal.SIGCONT)  # one that is paused would not notice
        with suppress(subprocess.TimeoutExpired):
            child.wait(_PATIENCE)
        child.kill()

    threading.Thread(target=end_with_the_pipe, daemon=True).start()
    code = child.wait()
    if temporary and told_to_end.is_set():  # one that was killed may be started again
        shutil.rmtree(temporary, ignore_errors=True)
    return code


def _fork(command: list[str], home: Path) -> None:
    """Start a server that detaches itself; it says so only once it listens."""
    done = subprocess.run([*command, "--fork"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise _failed(home)


def _initiate(ports: list[int], seconds: float) -> None:
    """Make new servers one replica set; wait for the primary, of new ones and of restarted ones."""
    members = [{"_id": number, "host": f"{_HOST}:{port}"} for number, port in enumerate(ports)]
    settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
    with _client(ports[0]) as client:
        if client.local.get_collection("system.replset").find_one() is None:
            configuration = {"_id": REPLICA_SET, "members": members, "settings": settings}
            _wait_until(lambda: _initiated(client, configuration), seconds)
    _wait_until(lambda: any(_is_primary(port) for port in ports), seconds)


def _initiated(client: Any, configuration: dict[str, Any]) -> bool:
    """Whether the members agreed; one that only just listens may hang up on the others for a moment."""
    from pymongo.errors import OperationFailure

    try:
        client.admin.command("replSetInitiate", configuration)
    except OperationFailure as error:
        if error.code != _NODE_NOT_FOUND:
            raise
        return False
    return True


def _readdress(data: Path, ports: list[int]) -> None:
    """Tell a set that ran before where its members are now, with one of them started stand-alone.

    Started as a member it would look for itself at its old address first, and wait long for
    whatever listens there now.
    """
    if not (data / "WiredTiger").exists():
        return
    port = _free_port()
    _fork(_command(data, port, alone=True), data)
    with _client(port) as client:
        kept = client.local.get_collection("system.replset")
        hosts = {f"members.{number}.host": f"{_HOST}:{each}" for number, each in enumerate(ports)}
        kept.update_one({}, {"$set": hosts})
    _shut_down(port)
    _wait_until(lambda: not _holds_lock(data), 30)


def _is_primary(port: int) -> bool:
    with _client(port) as client:
        return bool(client.admin.command("hello")["isWritablePrimary"])


def _failed(data: Path) -> ConfigurationError:
    return ConfigurationError(
        "The local MongoDB server did not start.", hint=f"The end of its log: {_last_words(data / _LOG)}"
    )


def _last_words(log: Path) -> str:
    """What the server itself said of its end: the messages of its last errors, or its last lines."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-60:] if log.exists() else []
    entries = [_entry(line) for line in lines]
    severe = [message for severity, message in entries if severity in ("E", "F")]
    return " | ".join((severe or [message for _, message in entries])[-3:]) or "(it wrote none)"


def _entry(line: str) -> tuple[str, str]:
    try:
        told = json.loads(line)
        return told["s"], f"{told['msg']} {told.get('attr', {}).get('error', '')}".strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", line


# ── Small things ─────────────────────────────────────────────────────────────────────────────


def _home(directory: Path | str | None) -> Path:
    return Path(directory).expanduser().resolve() if directory is not None else default_directory()


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the directory's lock, so that two starts at once make one server."""
    if sys.platform == "win32":  # mongod's own lock must do
        yield
        return
    import fcntl

    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_port(home: Path) -> int | None:
    try:
        return int(json.loads((home / _STATE).read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remembered_port(home: Path) -> int | None:
    port = _last_port(home)
    return port if port is not None and not _listening(port) else None


def _free_port() -> int:
    """One that systems do not lend to whoever connects: a lent one may be taken again before the server has it."""
    for _ in range(100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((_HOST, secrets.choice(range(10_000, 32_768))))
            return int(probe.getsockname()[1])
    with socket.socket() as probe:  # as any: it raises what is wrong, where it is not only that many are taken
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((_HOST, port)) == 0


def _holds_lock(data: Path) -> bool:
    """A server empties its lock file as the last thing it does."""
    lock = data / "mongod.lock"
    return lock.exists() and lock.stat().st_size > 0


def _shut_down(port: int) -> None:
    from pymongo.errors import PyMongoError

    with _client(port) as client, suppress(PyMongoError):  # it closes the connection instead of answering
        client.admin.command("shutdown", force=True, timeoutSecs=1)


def _wait_until(happened: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"The local MongoDB server was not done within {seconds:g} s.")
        time.sleep(0.02)


def _client(port: int, *, seconds: int = 10) -> Any:
    from pymongo import MongoClient

    limit = seconds * 1000
    return MongoClient(_HOST, port, directConnection=True, serverSelectionTimeoutMS=limit, timeoutMS=limit)


def _uri(ports: list[int]) -> str:
    hosts = ",".join(f"{_HOST}:{port}" for port in ports)
    return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"


if __name__ == "__main__":
    sys.exit(_watch(sys.argv[1], sys.argv[2:], sys.stdin))
