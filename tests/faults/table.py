"""The faults: name → what is done, in the middle of a stream."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from faults.rig import Fault, Rig, wait_until
from sesevent.local import Member


def _kill_a_writer(rig: Rig) -> None:
    at_work = [writer for writer in rig.writers if not writer.done]
    rig.chance.choice(at_work).kill()


def _kill_the_primary(rig: Rig) -> None:
    killed = rig.servers.primary()
    killed.kill()
    rig.servers.primary()
    _start_again(killed)


def _pause_the_primary(rig: Rig) -> None:
    """For longer than the others wait before they elect: when it continues it believes that it still is one."""
    paused = rig.servers.primary()
    paused.pause()
    try:
        wait_until(lambda: rig.servers.primary() is not paused)
        time.sleep(rig.chance.uniform(0, 1))
    finally:
        paused.resume()
    wait_until(lambda: paused.role)


def _step_down(rig: Rig) -> None:
    primary = rig.servers.primary()
    with MongoClient("127.0.0.1", primary.port, directConnection=True) as client, suppress(PyMongoError):
        client.admin.command("replSetStepDown", 5, secondaryCatchUpPeriodSecs=2, force=True)
    rig.servers.primary()


def _cut(rig: Rig) -> None:
    assert rig.wire is not None
    rig.wire.cut()


def _lose_answers(rig: Rig) -> None:
    assert rig.wire is not None
    rig.wire.lose_answers(rig.chance.uniform(0, 0.2))


def _hold(rig: Rig) -> None:
    """For longer than a writer waits."""
    assert rig.wire is not None
    rig.wire.hold(rig.chance.uniform(4.2, 5))


def _fill_the_disk(rig: Rig) -> None:
    """Until a writer is refused; then there is room again, and whoever died of it is started again."""
    assert rig.disk is not None
    refused = rig.refused
    ballast = rig.disk / "ballast"
    try:
        _fill(rig.disk, ballast)
        for member in rig.servers.members:
            _flush(member)
        wait_until(lambda: rig.refused > refused or all(writer.done for writer in rig.writers))
    finally:
        ballast.unlink(missing_ok=True)
    for member in rig.servers.members:
        if not member.running:
            member.start()
    wait_until(lambda: all(member.role for member in rig.servers.members))


def _fill(disk: Path, ballast: Path) -> None:
    room = os.statvfs(disk)
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_frsize * 99 // 100)
        file.seek(0, os.SEEK_END)
        while True:  # what is left
            file.write(bytes(1 << 16))


def _flush(member: Member) -> None:
    """Let it write what it keeps in memory now, not within the minute: its journal alone has room for a while."""
    with MongoClient("127.0.0.1", member.port, directConnection=True, timeoutMS=1000) as client, suppress(PyMongoError):
        client.admin.command("fsync")


def _start_again(member: Member) -> None:
    member.start()
    wait_until(lambda: member.role)


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("writer killed", "`kill -9` of the writing process, started again with what it had not acknowledged",
              _kill_a_writer),
        Fault("two writers, one killed", "two processes store the same stream, each in its own order; one gets `kill -9`",
              _kill_a_writer, writers=2),
        Fault("primary killed", "`kill -9` of the primary in the middle of a batch; it starts again when there is another",
              _kill_the_primary, seconds=4),
        Fault("primary paused", "SIGSTOP of the primary for longer than an election, then SIGCONT: it believes that it "
              "still is one", _pause_the_primary, seconds=7),
        Fault("primary steps down", "`replSetStepDown` in the middle of a batch", _step_down, seconds=3),
        Fault("connections cut", "every connection is reset; the driver's own retries are off", _cut, wired=True),
        Fault("answers lost", "the server works on, its answers are lost, every connection is reset; no retries of the "
              "driver's own", _lose_answers, wired=True),
        Fault("network held", "nothing gets through for longer than a call may take, then all of it does", _hold,
              wired=True, seconds=5),
        Fault("disk full", "the disk of all three members is full until a writer is refused, then there is room again",
              _fill_the_disk, own_disk=True, length=4, seconds=10),
        Fault("over-sized documents", "events that no document can hold stand among the others: dead letters", oversized=True),
        Fault("clock steps", "the writer's clock is hours off, otherwise for each batch", options=("--clock-steps",)),
    )
}  # fmt: skip
