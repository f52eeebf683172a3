"""Who belongs to the operators' group: the kernel's word of the client, and the number of one group."""

import asyncio
import grp
import os
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.runtime import operators
from gateway.runtime.operators import Operators, Peer, number_of, peer_of
from tests.runtime.sockets import run

OURS = grp.getgrgid(os.getgid())
SOME_GROUP, OTHER_GROUP = 54_321, 54_322  # numbers that are no group's
ME = Peer(os.getpid(), os.getuid(), os.getgid())

CONNECT_IN_GROUPS = """
import os, socket, sys
os.setgroups([int(group) for group in sys.argv[2:]])
connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
sys.stdin.read()
"""


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with TemporaryDirectory(prefix="rvos-") as name, socket.socket(socket.AF_UNIX) as found:
        found.bind(str(Path(name) / "s"))
        found.listen()
        yield found


def test_a_peer_is_who_the_kernel_says(listening: socket.socket) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listening.getsockname())
        connection, _ = listening.accept()
        with connection:
            found = peer_of(connection)
    assert found[:3] == ME[:3]
    assert set(found.groups) == set(os.getgroups())


@pytest.mark.skipif(os.getuid() != 0, reason="only root may join groups")
@pytest.mark.parametrize("groups", [(), (SOME_GROUP,), (SOME_GROUP, OTHER_GROUP)])
def test_a_peer_s_groups_are_those_of_its_process(listening: socket.socket, groups: tuple[int, ...]) -> None:
    async def scenario() -> None:
        path, words = listening.getsockname(), [str(group) for group in groups]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CONNECT_IN_GROUPS, path, *words), stdin=asyncio.subprocess.PIPE
        )
        listening.setblocking(False)
        connection, _ = await asyncio.get_running_loop().sock_accept(listening)
        with connection:
            found = peer_of(connection)
        await process.communicate(b"")
        assert (found.groups, found.pid) == (groups, process.pid)
        assert found.is_in(SOME_GROUP) == (SOME_GROUP in groups)

    run(scenario)


def test_too_many_groups_to_be_told_of_are_none() -> None:
    class Crowded(socket.socket):
        def getsockopt(self, level: int, name: int, length: int = 0) -> bytes:  # type: ignore[override]
            if name == operators._SO_PEERGROUPS:
                raise OSError(34, "Numerical result out of range")
            return super().getsockopt(level, name, length)

    ours, theirs = socket.socketpair()
    with ours, theirs, Crowded(fileno=os.dup(ours.fileno())) as crowded:
        assert peer_of(crowded) == ME


def test_a_group_is_one_s_primary_one_or_among_the_others() -> None:
    peer = Peer(1, 1000, SOME_GROUP, (OTHER_GROUP,))
    assert [peer.is_in(group) for group in (SOME_GROUP, OTHER_GROUP, 0, None)] == [True, True, False, False]


def test_the_number_of_a_group() -> None:
    assert number_of(OURS.gr_name) == OURS.gr_gid
    assert number_of("no-such-group") is None


class TestOperators:
    def test_nobody_is_one_of_a_group_that_does_not_exist(self) -> None:
        async def scenario() -> None:
            found = Operators("no-such-group")
            assert await found.known()
            assert not found.has(ME)

        run(scenario)

    def test_a_fresh_answer_is_not_asked_for_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[str] = []

        def look_up(name: str) -> int:
            asked.append(name)
            return SOME_GROUP

        async def scenario() -> None:
            found = Operators("g", look_up)
            for _ in range(3):
                assert await found.known()
            assert asked == ["g"]
            assert found.has(Peer(1, 1, SOME_GROUP))
            monkeypatch.setattr(operators, "FRESH_S", 0.0)
            found.refresh()
            while len(asked) < 2:  # noqa: ASYNC110 - what a thread does has no event
                await asyncio.sleep(0)

        run(scenario)

    def test_a_silent_directory_has_one_thread_however_often_it_is_asked(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(operators, "LOOKUP_S", 0.01)
        answers, asked = threading.Event(), list[str]()

        def look_up(name: str) -> None:
            asked.append(name)
            answers.wait()

        async def scenario() -> None:
            found = Operators("g", look_up)
            for _ in range(3):
                assert not await found.known()
            assert asked == ["g"]
            answers.set()
            while not found.is_known:  # noqa: ASYNC110 - what a thread does has no event
                await asyncio.sleep(0)

        run(scenario)

    def test_an_answer_after_the_loop_is_gone_harms_nobody(self) -> None:
        answers, left = threading.Event(), threading.Event()

        def look_up(name: str) -> None:
            answers.wait()
            left.set()

        async def scenario() -> None:
            Operators("g", look_up).refresh()

        run(scenario)
        answers.set()
        assert left.wait(5)
