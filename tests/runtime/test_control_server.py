"""The control socket as its clients meet it: who they are, what they send, how many they are."""

import asyncio
import grp
import os
import pwd
import stat
import sys
import threading
from collections.abc import Iterator

import msgspec
import pytest

from gateway.model import Limb
from gateway.runtime import control_server, operators
from gateway.runtime.control_server import ControlServer
from gateway.runtime.requests import AlarmList, PatientHistory, Reply, SessionStatus, SessionStop
from gateway.simulation.nurse import start_request
from tests.runtime import sockets
from tests.runtime.conftest import READINGS_MS
from tests.runtime.control_room import NOBODY_S_GROUP, OURS, STATUS, STOP, Room, a_room
from tests.runtime.sockets import Client, ask, tell

SOME_GROUP = 54_321  # a number that is no user's


@pytest.fixture
def room() -> Iterator[Room]:
    with a_room() as found:
        yield found


def grp_entry(name: str) -> grp.struct_group:
    return next(group for group in grp.getgrall() if group.gr_name == name)


class TestRequests:
    def test_one_request_is_one_reply_and_the_end_of_the_connection(self, room: Room) -> None:
        async def scenario() -> None:
            reply = await tell(room.path, STATUS + STATUS)
            assert reply.exit_code == 0
            assert reply.data["state"]["mode"] == "idle"

        assert room.serve(scenario) == []

    def test_a_refusal_is_one_line_whatever_was_sent(self, room: Room) -> None:
        async def scenario() -> None:
            reply = await tell(room.path, b'{"verb":"alarm_list","\\n\\u001b[2J":1}\n')
            assert (reply.exit_code, "unknown field `??[2J`" in reply.message) == (2, True)

        assert room.serve(scenario) == []

    def test_an_answer_that_takes_time_is_waited_for(self, room: Room) -> None:
        room.people.bedside.run(READINGS_MS)
        room.people.bedside.ask(PatientHistory(patient="t-1", nothing=True, confirm=True))
        room.people.bedside.press_button()

        async def scenario() -> None:
            start = start_request("demo", Limb.LEFT_THIGH, 120, 70, patient="t-1")
            reply = await tell(room.path, msgspec.json.encode(start) + b"\n")
            assert reply.exit_code == 0, reply.message
            assert (await ask(room.path, SessionStatus())).data["state"]["mode"] == "session"
            tested = await tell(room.path, b'{"verb":"self_test"}\n')
            assert tested.exit_code == 75
            assert (await ask(room.path, SessionStop())).message == "stopped; the cuff is venting"

        assert room.serve(scenario) == []

    def test_an_answer_from_the_device_is_waited_for(self, room: Room) -> None:
        room.people.bedside.run(READINGS_MS)

        async def scenario() -> None:
            assert (await tell(room.path, b'{"verb":"self_test"}\n')).message == "self-test passed"

        assert room.serve(scenario) == []

    @pytest.mark.parametrize(
        "garbage",
        [
            b"\n",
            b"stop\n",
            b"\xff\xfe\x00\n",
            b"[]\n",
            b"{}\n",
            b'{"verb":"fly"}\n',
            b'{"verb":"session_stop","more":1}\n',
            b'{"verb":"session_reset","confirm":"yes"}\n',
            b"GET / HTTP/1.1\r\n\r\n",
            b"[" * 4000 + b"\n",
            b'{"verb":"session_stop","more":' + b"[" * 2000 + b"]" * 2000 + b"}\n",
            b'{"more":' + b"[" * 2000 + b"]" * 2000 + b',"verb":"session_stop"}\n',
        ],
    )
    def test_nonsense_is_answered_as_such(self, room: Room, garbage: bytes) -> None:
        async def scenario() -> None:
            reply = await tell(room.path, garbage)
            assert reply.exit_code == 2
            assert reply.message.startswith("request not understood: ")
            assert (await ask(room.path, SessionStatus())).exit_code == 0

        assert room.serve(scenario) == []
        assert room.audits() == []

    @pytest.mark.parametrize("ending", [b"", b"\n"])
    def test_a_request_that_is_too_long_is_not_read(self, room: Room, ending: bytes) -> None:
        async def scenario() -> None:
            reply = await tell(
                room.path, b'{"verb":"session_stop"' + b" " * control_server.LONGEST_REQUEST + b"}" + ending
            )
            assert (reply.exit_code, reply.message) == (2, TOO_LONG)

        assert room.serve(scenario) == []

    @pytest.mark.parametrize("digits", [b"9" * 4_300, b"-" + b"9" * 4_300, b"2147483648"])
    def test_a_number_without_measure_is_nonsense(self, room: Room, digits: bytes) -> None:
        wish = b'{"verb":"exam_start","exam":"oxidative-capacity","choices":{"occlusion_ms":%s}}\n'

        async def scenario() -> None:
            reply = await tell(room.path, wish % digits)
            assert reply.exit_code == 2
            assert reply.message.startswith("request not understood: ")

        assert room.serve(scenario) == []

    def test_a_request_without_end_is_cut(self, room: Room) -> None:
        async def scenario() -> None:
            client = await Client.connect(room.path)
            client.send(b"x" * (1 << 22))
            assert TOO_LONG.encode() in await client.reader.readline()
            await client.leave()

        assert room.serve(scenario) == []

    def test_half_a_request_is_no_request(self, room: Room) -> None:
        async def scenario() -> None:
            client = await Client.connect(room.path)
            client.send(STOP[:-2])
            client._writer.write_eof()
            assert TOO_LONG.encode() in await client.rest()

        assert room.serve(scenario) == []
        assert room.audits() == []


TOO_LONG = f"one request is one line of JSON of at most {control_server.LONGEST_REQUEST} bytes"


class TestClients:
    def test_a_silent_one_is_cut_off_and_holds_nobody_up(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(control_server, "_READ_S", 0.2)

        async def scenario() -> None:
            silent = await Client.connect(room.path)
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            assert TOO_LONG.encode() in await silent.rest()

        assert room.serve(scenario) == []

    def test_one_that_leaves_early_is_not_missed(self, room: Room) -> None:
        async def scenario() -> None:
            for sent in (b"", STATUS, b'{"verb":"self_test"}\n', STATUS[:5]):
                client = await Client.connect(room.path)
                client.send(sent)
                await client.leave()
            assert (await ask(room.path, SessionStatus())).exit_code == 0

        assert room.serve(scenario) == []

    def test_forty_silent_ones_do_not_shut_out_a_stop(self, room: Room) -> None:
        async def scenario() -> None:
            silent = [await Client.connect(room.path) for _ in range(40)]
            assert (await ask(room.path, SessionStop())).exit_code == 0
            cut = await asyncio.gather(*(client.rest() for client in silent[:9]))
            assert set(cut) == {b""}, "who was silent for longest goes, without an answer"
            for client in silent[9:]:
                client.send(STATUS)
            answers = await asyncio.gather(*(client.rest() for client in silent[9:]))
            assert {msgspec.json.decode(answer, type=Reply).exit_code for answer in answers} == {0}

        assert room.serve(scenario) == []

    def test_forty_that_come_at_once_leave_nothing_behind(self, room: Room) -> None:
        async def scenario() -> None:
            before = _descriptors()
            replies = await asyncio.gather(
                *(ask(room.path, AlarmList()) for _ in range(40)), return_exceptions=True
            )
            answered = [reply for reply in replies if isinstance(reply, Reply)]
            assert len(answered) >= 32
            assert {reply.exit_code for reply in answered} == {0}
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            while _descriptors() > before:  # noqa: ASYNC110 - the server closes its ends when it gets to it
                await asyncio.sleep(0)

        assert room.serve(scenario) == []

    def test_whoever_still_waits_when_the_server_stops_is_let_go(self, room: Room) -> None:
        async def scenario() -> None:
            bedside = room.people.bedside
            server = ControlServer(bedside.desk, OURS, lambda: bedside.now, lambda: None)
            await server.start(room.path)
            silent, waiting = await Client.connect(room.path), await Client.connect(room.path)
            waiting.send(b'{"verb":"session_reset","confirm":true}\n')
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            await server.stop()
            assert await silent.rest() == b""
            await waiting.rest()
            # from Python 3.13 on, a server that closes takes its socket\'s name away
            with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
                await Client.connect(room.path)

        assert sockets.run(scenario) == []

    def test_a_defect_that_a_request_brings_to_light_is_ours(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise KeyError("planted")

        monkeypatch.setattr(room.people.bedside.core, "stop", broken)

        async def scenario() -> None:
            client = await Client.connect(room.path)
            client.send(STOP)
            assert await client.rest() == b""

        [complaint] = room.serve(scenario)
        assert repr(complaint["exception"]) == "KeyError('planted')"


class TestPeers:
    def test_the_asker_s_credentials_are_journalled(self, room: Room) -> None:
        async def scenario() -> None:
            await ask(room.path, SessionStop())

        room.serve(scenario)
        me = {"uid": os.getuid(), "gid": os.getgid(), "pid": os.getpid()}
        assert room.audits() == [("request_asked", {"verb": "session_stop", **me})]

    def test_who_is_no_operator_may_stop_and_nothing_else(self, room: Room) -> None:
        room.group = NOBODY_S_GROUP

        async def scenario() -> None:
            assert (await ask(room.path, SessionStop())).exit_code == 0
            reply = await ask(room.path, SessionStatus())
            assert reply.exit_code == 77
            assert reply.message.startswith("only members of the group ")
            assert reply.data == {}

        room.serve(scenario)
        kinds = [(kind, body["verb"]) for kind, body in room.audits()]
        assert kinds == [("request_asked", "session_stop"), ("request_refused", "session_status")]

    @pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
    def test_another_user_is_known_by_the_kernel_s_word(self, room: Room) -> None:
        nobody = pwd.getpwnam("nobody")
        room.path.parent.chmod(0o755)

        async def scenario() -> None:
            for sent, exit_code in ((STOP, 0), (STATUS, 77)):
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", TELL_AS_SOMEBODY_ELSE, str(room.path)),
                    *(str(nobody.pw_uid), str(SOME_GROUP)),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                )
                answer, _ = await process.communicate(sent)
                assert msgspec.json.decode(answer, type=Reply).exit_code == exit_code
                pids.append(process.pid)

        pids: list[int] = []
        assert room.serve(scenario) == []
        who = [(body["uid"], body["gid"], body["pid"]) for _, body in room.audits()]
        assert who == [(nobody.pw_uid, SOME_GROUP, pid) for pid in pids]


# becomes the other user after its start: the interpreter itself may stand where only root can read
TELL_AS_SOMEBODY_ELSE = """
import os, socket, sys
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
connection.sendall(sys.stdin.buffer.read())
while data := connection.recv(65536):
    sys.stdout.buffer.write(data)
"""


class TestDirectory:
    """The group database may be a directory on the network that does not answer."""

    def silent(self, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
        answers = threading.Event()
        monkeypatch.setattr(operators.grp, "getgrnam", lambda name: answers.wait() and grp_entry(OURS))
        monkeypatch.setattr(operators, "LOOKUP_S", 0.05)
        return answers

    def test_a_silent_one_costs_no_turn_and_nobody_a_stop(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answers = self.silent(monkeypatch)

        async def scenario() -> None:
            waiting = asyncio.create_task(ask(room.path, SessionStatus()))
            assert (await ask(room.path, SessionStop())).exit_code == 0
            assert not waiting.done()
            turns = room.turns
            reply = await waiting
            assert (reply.exit_code, "anybody may stop" in reply.message) == (69, True)
            assert room.turns > turns
            answers.set()
            assert (await ask(room.path, SessionStatus())).exit_code == 0

        assert room.serve(scenario) == []

    def test_its_last_answer_counts_while_it_is_silent(
        self, room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def scenario() -> None:
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            answers = self.silent(monkeypatch)
            monkeypatch.setattr(operators, "FRESH_S", 0.0)
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            assert (await ask(room.path, SessionStatus())).exit_code == 0
            answers.set()

        assert room.serve(scenario) == []


class TestSocket:
    def test_everybody_may_reach_it_and_a_dead_core_s_is_replaced(self, room: Room) -> None:
        room.path.write_text("left behind")

        async def scenario() -> None:
            assert stat.S_IMODE(room.path.stat().st_mode) == 0o666
            assert (await ask(room.path, SessionStatus())).exit_code == 0

        assert room.serve(scenario) == []


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
