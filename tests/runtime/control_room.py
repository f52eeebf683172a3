"""A core in virtual time behind a real control socket."""

import asyncio
import grp
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from gateway.record.reader import JournalReader
from gateway.runtime.control_server import ControlServer
from gateway.runtime.requests import SessionStatus, SessionStop
from tests.runtime import sockets
from tests.runtime.conftest import People

OURS = grp.getgrgid(os.getgid()).gr_name
NOBODY_S_GROUP = "no-such-group"
STATUS = msgspec.json.encode(SessionStatus()) + b"\n"
STOP = msgspec.json.encode(SessionStop()) + b"\n"


class Room:
    """A core in virtual time behind a real socket."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "control.sock"
        self.people = People(folder / "journal.db")
        self.group = OURS
        self.turns = 0

    def serve(self, scenario: Callable[[], Awaitable[None]]) -> list[dict[str, Any]]:
        """Serve while the scenario lasts; what the loop complained of."""

        async def serving() -> None:
            bedside = self.people.bedside
            server = ControlServer(bedside.desk, self.group, lambda: bedside.now, lambda: None)
            self.server = server
            await server.start(self.path)
            time = asyncio.create_task(self._let_time_pass())
            try:
                await scenario()
            finally:
                time.cancel()
                await server.stop()

        return sockets.run(serving)

    async def _let_time_pass(self) -> None:
        while True:
            self.people.bedside.turn()
            self.turns += 1
            await asyncio.sleep(0)

    def audits(self) -> list[tuple[str, dict[str, Any]]]:
        with JournalReader.open(self.people.journal) as reader:
            return [(row.type, msgspec.json.decode(row.body)) for row in reader.rows(kind="audit")]


@contextmanager
def a_room() -> Iterator[Room]:
    """A room in a folder with a short name: a socket's path may have 107 characters only."""
    with TemporaryDirectory(prefix="rvos-") as name:
        found = Room(Path(name))
        yield found
        found.people.bedside.close()
