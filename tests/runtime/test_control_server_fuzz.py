"""Any request from anybody: a reply of one sentence and a known code, nothing energised, nothing raised."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.runtime.admission import AuditRows
from gateway.runtime.control_server import LONGEST_REQUEST, ControlServer
from gateway.runtime.operators import Operators, Peer
from gateway.runtime.requests import (
    EXIT_CONFIG,
    EXIT_FINDING,
    EXIT_NOT_NOW,
    EXIT_NOT_PERMITTED,
    EXIT_OK,
    EXIT_REFUSED,
    EXIT_UNAVAILABLE,
    EXIT_USAGE,
    AnyRequest,
    Reply,
    SessionStop,
)
from tests.runtime.conftest import READINGS_MS, People
from tests.runtime.control_room import OURS, Room, a_room
from tests.runtime.sockets import Client

CODES = {
    *(EXIT_OK, EXIT_FINDING, EXIT_USAGE, EXIT_REFUSED, EXIT_UNAVAILABLE),
    *(EXIT_NOT_NOW, EXIT_NOT_PERMITTED, EXIT_CONFIG),
}
LONGEST_TURNS = 400  # 4 s of virtual time: more than any verb waits
OPERATOR, SOMEBODY = Peer(1, 1, 1), Peer(2, 2, 2)
VERBS = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyRequest)}
MAY_STOP = {verb for verb, kind in VERBS.items() if not kind.needs_operator}

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=8,
)
likely = st.sampled_from(
    [True, False, 0, 1, 120, 70, -1, 10**30, "", "demo", "t-1", "left_thigh", "left", "1-1", [], {}, None]
)


@st.composite
def requests(draw: st.DrawFn, verbs: set[str]) -> bytes:
    """A verb with some of its fields, of any type, and sometimes with others."""
    verb = draw(st.sampled_from(sorted(verbs)))
    names = [field.name for field in msgspec.structs.fields(VERBS[verb])]
    asked: dict[str, Any] = {"verb": verb}
    for name in names:
        if draw(st.integers(0, 9)):
            asked[name] = draw(likely | anything)
    if not draw(st.integers(0, 9)):
        asked[draw(st.text(max_size=9))] = draw(anything)
    return json.dumps(asked).encode()


lines = (
    st.binary(max_size=300)
    | anything.map(lambda value: json.dumps(value).encode())
    | requests(set(VERBS))
    | st.builds(lambda what, deep: what * deep, st.sampled_from([b"[", b'{"verb":']), st.integers(1, 3_000))
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    found = People(tmp_path_factory.mktemp("fuzz") / "journal.db")
    found.bedside.run(READINGS_MS)
    yield found
    found.bedside.close()


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    """A session whose cuff holds its pressure."""
    found = People(tmp_path_factory.mktemp("holding") / "journal.db")
    found.bedside.run(READINGS_MS)
    assert found.start().exit_code == 0
    found.run_until("holding")
    yield found
    found.bedside.close()


class _Known(Operators):
    """A group database that has answered."""

    async def known(self) -> bool:
        return True

    def has(self, peer: Peer) -> bool:
        return peer is OPERATOR


def _reply(people: People, line: bytes, who: Peer) -> Reply:
    """The reply, as time passes; who asks has not asked anything this minute."""
    bedside = people.bedside
    bedside.desk._audit_rows = AuditRows()
    server = ControlServer(bedside.desk, OURS, lambda: bedside.now, lambda: None)
    server._operators = _Known(OURS)

    async def asked() -> Reply:
        asking = asyncio.create_task(server._ask(line, who))
        for _ in range(LONGEST_TURNS):
            await asyncio.sleep(0)
            if asking.done():
                break
            bedside.turn()
        return asking.result()

    return asyncio.run(asked())


def _is_a_sentence(reply: Reply) -> None:
    assert reply.exit_code in CODES
    assert "\n" not in reply.message
    assert reply.message or reply.data
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply).exit_code == reply.exit_code


@settings(max_examples=400, deadline=None)
@example(line=b'{"verb":"alarm_list","\\n":1}')
@given(lines)
def test_whatever_an_operator_asks(people: People, line: bytes) -> None:
    _is_a_sentence(_reply(people, line, OPERATOR))
    actuators = people.bedside.board.actuators
    assert (actuators.dump_closed, actuators.pump_permille) == (False, 0)
    assert people.bedside.core.session is None


@settings(max_examples=150, deadline=None)
@given(lines.filter(lambda line: not any(verb.encode() in line for verb in MAY_STOP)))
def test_whatever_somebody_asks_a_session_goes_on(holding: People, line: bytes) -> None:
    before = holding.bedside.core.session
    reply = _reply(holding, line, SOMEBODY)
    _is_a_sentence(reply)
    assert reply.exit_code in (EXIT_USAGE, EXIT_NOT_PERMITTED)
    assert holding.bedside.core.session is before
    assert holding.state()["phase"] == "holding"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=400) | st.just(b"\n"), max_size=6), st.booleans(), st.booleans())
def test_whatever_comes_in_pieces(pieces: list[bytes], ends: bool, leaves: bool) -> None:
    with a_room() as room:
        complaints = room.serve(lambda: _talk(room, pieces, ends, leaves))
    assert complaints == []


async def _talk(room: Room, pieces: list[bytes], ends: bool, leaves: bool) -> None:
    client = await Client.connect(room.path)
    for piece in pieces:
        client.send(piece)
        await asyncio.sleep(0)
        if b"\n" in piece:  # that was a request: whoever goes on talks to nobody
            break
    if leaves:
        await client.leave()
    elif ends:
        client._writer.write_eof()
        answer = await client.rest()
        assert answer.count(b"\n") == 1
        _is_a_sentence(msgspec.json.decode(answer, type=Reply))
    else:
        await client.leave()
    other = await Client.connect(room.path)
    other.send(msgspec.json.encode(SessionStop()) + b"\n")
    assert msgspec.json.decode(await other.rest(), type=Reply).exit_code == EXIT_OK


def test_the_longest_request_is_read_and_one_byte_more_is_not() -> None:
    stop = b'{"verb":"session_stop"'
    with a_room() as room:

        async def scenario() -> None:
            for more, code in ((0, EXIT_OK), (1, EXIT_USAGE)):
                client = await Client.connect(room.path)
                client.send(stop + b" " * (LONGEST_REQUEST - len(stop) - 1 + more) + b"}\n")
                assert msgspec.json.decode(await client.rest(), type=Reply).exit_code == code

        assert room.serve(scenario) == []
