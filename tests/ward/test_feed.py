"""Core's feed socket: whole lines, any chunking, and a link that comes back by itself."""

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.ward.feed import LONGEST_LINE, RETRY_MS, FeedReader
from tests.ward.bench import make_alarm, make_feed

LINE = msgspec.json.encode(make_feed(make_alarm("1-1"), cuff_mmhg=12.5)) + b"\n"


@pytest.fixture
def listener(directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(directory / "feed.sock"))
        server.listen()
        yield server


@pytest.fixture
def reader(directory: Path, listener: socket.socket) -> Iterator[FeedReader]:
    made = FeedReader(directory / "feed.sock", 0)
    yield made
    made.close()


def accept(reader: FeedReader, listener: socket.socket, now_ms: int = 0) -> socket.socket:
    assert reader.poll(now_ms) == []
    return listener.accept()[0]


def test_lines_arrive_whole_however_they_are_cut(reader: FeedReader, listener: socket.socket) -> None:
    with accept(reader, listener) as core:
        core.sendall(LINE + LINE + LINE[:7])
        assert reader.poll(1000) == [make_feed(make_alarm("1-1"), cuff_mmhg=12.5)] * 2
        assert reader.age_ms(1500) == 500
        for at in range(7, len(LINE)):
            assert reader.poll(2000) == []
            core.sendall(LINE[at : at + 1])
        assert len(reader.poll(3000)) == 1
        assert reader.age_ms(3000) == 0


@pytest.mark.parametrize("garbage", [b"{}\n", b"no json\n", b"\xff\xfe\n", b"\n", b"x" * (LONGEST_LINE + 2)])
def test_what_is_no_feed_ends_the_connection_and_is_no_life(
    reader: FeedReader, listener: socket.socket, garbage: bytes
) -> None:
    with accept(reader, listener) as core:
        core.setblocking(False)
        while garbage:
            garbage = garbage[core.send(garbage) :]
            assert reader.poll(4000) == []
        assert reader.poll(4000) == []
    assert reader.descriptor is None
    assert reader.age_ms(4000) == 4000


def test_the_reader_comes_back_after_a_second(reader: FeedReader, listener: socket.socket) -> None:
    accept(reader, listener).close()
    assert reader.poll(0) == []
    assert reader.descriptor is None
    reader.poll(RETRY_MS - 1)
    assert reader.descriptor is None
    with accept(reader, listener, RETRY_MS) as core:
        core.sendall(LINE)
        assert len(reader.poll(RETRY_MS + 1)) == 1


def test_a_feed_that_is_not_there_is_tried_every_second(directory: Path) -> None:
    absent = FeedReader(directory / "feed.sock", 0)
    assert absent.poll(0) == []
    assert absent.age_ms(5000) == 5000
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(directory / "feed.sock"))
        server.listen()
        absent.poll(RETRY_MS - 1)
        assert absent.descriptor is None
        absent.poll(RETRY_MS)
        assert absent.descriptor is not None
    absent.close()


def test_a_resting_reader_lets_go_and_comes_back_when_it_wakes(
    reader: FeedReader, listener: socket.socket
) -> None:
    with accept(reader, listener) as core:
        reader.rest()
        assert core.recv(1) == b""
    assert reader.poll(60_000) == []
    assert reader.descriptor is None
    reader.wake(60_000)
    assert reader.age_ms(60_000) == 0
    with accept(reader, listener, 60_000) as core:
        core.sendall(LINE)
        assert len(reader.poll(60_001)) == 1
