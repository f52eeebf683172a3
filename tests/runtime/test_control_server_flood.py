"""Floods of the control socket: the cycle keeps its time, others are served, the record does not fill."""

import asyncio
import errno
import resource
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.runtime import control_server
from gateway.runtime.admission import CONNECTIONS_BURST, ROWS_OF_OPERATORS, ROWS_OF_OTHERS
from gateway.runtime.control_server import ControlServer
from gateway.runtime.desk import Asker
from gateway.runtime.requests import (
    AlarmAck,
    Reply,
    SessionCuffRemoved,
    SessionLower,
    SessionPain,
    SessionReset,
    SessionStatus,
    SessionStop,
)
from tests.runtime.control_room import STATUS, Room, a_room
from tests.runtime.sockets import ask

SOMEBODY = Asker(uid=4_242, gid=4_242, pid=1, operator=False)
OPERATOR = Asker(uid=4_243, gid=4_243, pid=1, operator=True)
MINUTE_MS = 60_000


@pytest.fixture
def room() -> Iterator[Room]:
    with a_room() as found:
        yield found


class TestConnections:
    def test_a_few_are_taken_at_a_time(self, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between two of them the loop comes round, and with it the control cycle."""
        taken: Counter[int] = Counter()
        admit = ControlServer._admit

        def counted(server: ControlServer, connection: socket.socket) -> None:
            taken[room.turns] += 1
            admit(server, connection)

        monkeypatch.setattr(ControlServer, "_admit", counted)

        async def scenario() -> None:
            clients = [_connected(room.path) for _ in range(200)]
            while sum(taken.values()) < 200:  # noqa: ASYNC110 - time passes beside
                await asyncio.sleep(0)
            for client in clients:
                client.close()

        assert room.serve(scenario) == []
        assert max(taken.values()) <= 2 * control_server._AT_ONCE, "two rounds of the loop may meet in a turn"
        assert len(taken) >= 3

    def test_what_is_more_than_a_user_gets_is_turned_away_with_a_sentence(self, room: Room) -> None:
        async def scenario() -> None:
            replies = [_at_once(room.path, STATUS) for _ in range(CONNECTIONS_BURST + 20)]
            while len(room.server._clients) or _waiting(replies):  # noqa: ASYNC110
                await asyncio.sleep(0)
            answers = [_answer(client) for client in replies]
            turned_away = [one for one in answers if one.exit_code == 75]
            assert len(turned_away) >= 10, "time passes, so a few more than the burst are served"
            assert {one.message for one in turned_away} == {"too many requests of this user: wait a moment"}
            room.people.bedside.run(1_000)
            assert (await ask(room.path, SessionStatus())).exit_code == 0, "a moment later all is well"

        assert room.serve(scenario) == []

    def test_without_a_descriptor_left_it_waits_and_goes_on(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control_server, "_PAUSE_S", 0.0)
        complaints: list[dict[str, Any]] = []

        async def scenario() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            client = _at_once(room.path, STATUS)
            with _no_more_descriptors():
                while not complaints:  # noqa: ASYNC110 - the server comes to it by itself
                    await asyncio.sleep(0)
            while _waiting([client]):  # noqa: ASYNC110
                await asyncio.sleep(0)
            assert _answer(client).exit_code == 0

        room.serve(scenario)
        assert complaints[0]["message"] == "no connection can be taken"
        assert complaints[0]["exception"].errno == errno.EMFILE

    def test_a_path_that_is_too_long_is_named(self, room: Room) -> None:
        path = room.path.with_name("x" * 120)

        async def scenario() -> None:
            server = ControlServer(room.people.bedside.desk, "", lambda: 0, lambda: None)
            with pytest.raises(OSError, match="path too long") as caught:
                await server.start(path)
            assert caught.value.filename == str(path)
            await server.stop()

        room.serve(scenario)


class TestRecord:
    def test_who_may_only_stop_cannot_fill_it(self, room: Room) -> None:
        bedside = room.people.bedside
        for _ in range(500):
            assert bedside.ask(SessionStatus(), SOMEBODY).exit_code == 77
            assert bedside.ask(SessionStop(), SOMEBODY).exit_code == 0
        bedside.run(MINUTE_MS + 100)
        kinds = Counter(kind for kind, _ in room.audits())
        assert kinds["request_refused"] + kinds["request_asked"] == ROWS_OF_OTHERS
        [counted] = [body for kind, body in room.audits() if kind == "requests_unwritten"]
        assert counted == {"uid": SOMEBODY.uid, "requests": 1_000 - ROWS_OF_OTHERS}

    def test_what_is_not_written_down_is_not_done_but_for_what_takes_energy_away(self, room: Room) -> None:
        bedside = room.people.bedside
        replies = [bedside.ask(SessionCuffRemoved(), OPERATOR) for _ in range(ROWS_OF_OPERATORS + 5)]
        assert [reply.exit_code for reply in replies] == [0] * ROWS_OF_OPERATORS + [75] * 5
        assert bedside.ask(SessionReset(confirm=True), OPERATOR).exit_code == 75
        assert bedside.ask(SessionStatus(), OPERATOR).exit_code == 0
        assert bedside.ask(SessionStop(), OPERATOR).message.startswith("nothing was running; vented again")
        assert bedside.ask(AlarmAck(), OPERATOR).exit_code == 0
        assert "no session is running" in bedside.ask(SessionPain(nrs=9), OPERATOR).message
        assert "no session is running" in bedside.ask(SessionLower(), OPERATOR).message
        bedside.run(MINUTE_MS + 100)
        assert bedside.ask(SessionCuffRemoved(), OPERATOR).exit_code == 0

    def test_a_flood_of_one_user_leaves_another_his_rows(self, room: Room) -> None:
        bedside = room.people.bedside
        for _ in range(100):
            bedside.ask(SessionStatus(), SOMEBODY)
        neighbour = Asker(uid=5_000, gid=5_000, pid=1, operator=False)
        bedside.ask(SessionStop(), neighbour)
        assert room.audits()[-1] == (
            "request_asked",
            {"verb": "session_stop", "uid": 5_000, "gid": 5_000, "pid": 1},
        )


@contextmanager
def _no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(path))
    client.setblocking(False)
    return client


def _at_once(path: Path, said: bytes) -> socket.socket:
    client = _connected(path)
    client.sendall(said)
    return client


def _waiting(clients: list[socket.socket]) -> bool:
    for client in clients:
        try:
            client.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
    return False


def _answer(client: socket.socket) -> Reply:
    with client:
        return msgspec.json.decode(client.recv(65_536), type=Reply)
