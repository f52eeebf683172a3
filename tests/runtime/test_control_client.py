"""Asking core, over real sockets: what is sent, what is understood, what each failure is called."""

import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from gateway.runtime import service
from gateway.runtime.control_client import (
    REPLY_LONGEST,
    SOCKET_NAME,
    CoreForbidden,
    CoreUnavailable,
    _unavailable,
    ask,
)
from gateway.runtime.requests import AnyRequest, Reply, SessionPressure, SessionStop
from tests.cli.stand_in import SILENCE, StandIn

PRESSURE = SessionPressure(systolic_mmhg=120, diastolic_mmhg=80, confirm=True)


@pytest.fixture
def path() -> Iterator[Path]:
    with TemporaryDirectory(prefix="rvos-") as folder:
        yield Path(folder) / SOCKET_NAME


@pytest.fixture
def core(path: Path) -> Iterator[StandIn]:
    with StandIn(path) as stand_in:
        yield stand_in


def test_the_request_is_one_that_core_understands(path: Path, core: StandIn) -> None:
    core.reply(message="entered")
    assert ask(path, PRESSURE) == Reply(message="entered")
    assert msgspec.convert(core.asked[0], AnyRequest) == PRESSURE


def test_the_reply_may_come_in_any_pieces(path: Path, core: StandIn) -> None:
    whole = msgspec.json.encode(Reply(exit_code=75, message="später", data={"a": [1, None]})) + b"\n"
    core.script(*(bytes([one]) for one in whole))
    assert ask(path, SessionStop()) == Reply(exit_code=75, message="später", data={"a": [1, None]})


def test_what_follows_the_line_is_not_read(path: Path, core: StandIn) -> None:
    core.script(b'{"message":"one"}\n{"message":"two"}\n')
    assert ask(path, SessionStop()).message == "one"


def test_a_reply_that_ends_without_newline_counts(path: Path, core: StandIn) -> None:
    core.script(b'{"message":"whole"}')
    assert ask(path, SessionStop()).message == "whole"


NONSENSE = [
    *(b"\xff\xfe\n", b"not json\n", b"[]\n", b'{"exit_code":"0"}\n', b'{"mess'),
    *(b'{"message":"\xff"}\n', b'{"more":' + b"[" * 100_000 + b"\n"),
]


@pytest.mark.parametrize("answer", NONSENSE, ids=lambda answer: repr(answer[:12]))
def test_nonsense_is_named_and_never_raises_anything_else(path: Path, core: StandIn, answer: bytes) -> None:
    core.script(answer)
    with pytest.raises(CoreUnavailable, match=r"control\.sock makes no sense .*same version"):
        ask(path, SessionStop())


def test_an_endless_reply_is_cut(path: Path, core: StandIn) -> None:
    core.script(b"x" * (REPLY_LONGEST + 1))
    with pytest.raises(CoreUnavailable, match="makes no sense"):
        ask(path, SessionStop())


def test_a_connection_closed_without_answer(path: Path, core: StandIn) -> None:
    core.script()
    with pytest.raises(CoreUnavailable, match=r"closed the connection .* without an answer"):
        ask(path, SessionStop())


def test_a_silent_core(path: Path, core: StandIn) -> None:
    core.script(SILENCE)
    with pytest.raises(CoreUnavailable, match=r"did not answer within 0\.05 s"):
        ask(path, SessionStop(), timeout_s=0.05)


def test_no_socket(path: Path) -> None:
    with pytest.raises(CoreUnavailable, match=rf"core is not running \(no socket at {path}\)"):
        ask(path, SessionStop())


def test_a_socket_that_a_dead_core_left_behind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(str(path))
    with pytest.raises(CoreUnavailable, match="core is not running \\(nobody answers at"):
        ask(path, SessionStop())


def test_a_path_that_no_socket_can_have(path: Path) -> None:
    with pytest.raises(CoreUnavailable, match="cannot be reached at"):
        ask(path.with_name("x" * 200), SessionStop())


def test_a_socket_out_of_reach_is_forbidden() -> None:
    # the tests may run as root, whom no file mode keeps out
    error = _unavailable(Path("/run/rvos/control.sock"), PermissionError(13, "Permission denied"), 10.0)
    assert isinstance(error, CoreForbidden)
    assert "may not reach" in str(error)


def test_core_listens_where_the_client_asks() -> None:
    assert service.CONTROL_SOCKET == SOCKET_NAME


def test_a_full_queue_is_waited_for_and_then_told(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as waiting:
        listening.bind(str(path))
        listening.listen(0)
        _fill(path, waiting)
        with pytest.raises(CoreUnavailable, match=r"did not answer within 0\.2 s"):
            ask(path, SessionStop(), 0.2)
        with ThreadPoolExecutor(1) as people:
            asked = people.submit(ask, path, SessionStop(), 10.0)
            waiting.close()
            _answer_all(listening, asked)
            assert asked.result().message == "stopped"


def _fill(path: Path, waiting: ExitStack) -> None:
    """Connect until the kernel takes no more."""
    while True:
        client = waiting.enter_context(socket.socket(socket.AF_UNIX))
        client.setblocking(False)
        try:
            client.connect(str(path))
        except BlockingIOError:
            return


def _answer_all(listening: socket.socket, asked: "Future[Reply]") -> None:
    listening.settimeout(0.1)
    while not asked.done():
        with suppress(OSError):  # nobody yet, or one that has left
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(0.1)
                if connection.recv(4096):
                    connection.sendall(b'{"message":"stopped"}\n')
