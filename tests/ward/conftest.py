"""Brokers, subscribers, links and taps that end with their test."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.record.events import CoreStarted
from gateway.record.journal import Journal
from gateway.record.reader import JournalReader
from gateway.ward.backlog import Backlog
from gateway.ward.broker import EmbeddedBroker
from gateway.ward.cursor import CursorFile
from gateway.ward.feed import FeedReader
from gateway.ward.link import FEED_SOCKET, Link
from tests.ward.bench import DEVICE, Bedside, Mosquitto, Subscriber, find_mosquitto
from tests.ward.tap import Tap


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a short name: Unix sockets allow 107 characters."""
    with tempfile.TemporaryDirectory(prefix="ward") as name:
        yield Path(name)


@pytest.fixture
def mosquitto(directory: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Starts mosquitto with extra configuration lines; skips where it is not installed."""
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    started: list[Mosquitto] = []

    def start(*options: str) -> Mosquitto:
        started.append(Mosquitto(directory, *options))
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.kill()


@pytest.fixture
def embedded(directory: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(directory) as broker:
        yield broker


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    subscribers: list[Subscriber] = []

    def make(port: int, *args: str, **options: str) -> Subscriber:
        subscribers.append(Subscriber(port, *args, **options))
        return subscribers[-1]

    yield make
    for subscriber in subscribers:
        subscriber.close()


@pytest.fixture
def bedside(directory: Path) -> Iterator[Bedside]:
    for name in ("core", "run", "link"):
        (directory / name).mkdir()
    journal = Journal.open(directory / "core" / "journal.db", device=DEVICE)
    side = Bedside(directory, journal, journal.next_boot())
    side.record(
        CoreStarted(
            version="0.1.0",
            boot_id="b",
            config_hash="c0ffee",
            firmware_limits_crc=7,
            ischaemia_debt_ms=0,
            debt_proof="none",
        )
    )
    yield side
    side.close()


@pytest.fixture
def link(bedside: Bedside) -> Iterator[Callable[[int], Link]]:
    """A link inside this process, driven by its ``turn``."""
    endings: list[Callable[[], None]] = []

    def make(port: int) -> Link:
        while endings:
            endings.pop()()
        config = bedside.config(port)
        cursor_file = CursorFile(bedside.directory / "link" / "cursor.json").__enter__()
        backlog = Backlog(JournalReader.open(bedside.journal.path))
        feed = FeedReader(Path(config.core.runtime_dir) / FEED_SOCKET, bedside.clock.now_ms())
        made = Link(config, bedside.clock, "0.1.0", backlog, cursor_file, feed)
        endings.extend([lambda: cursor_file.__exit__(), backlog.close, made.close])
        return made

    yield make
    while endings:
        endings.pop()()


@pytest.fixture
def tap() -> Iterator[Callable[[int], Tap]]:
    taps: list[Tap] = []

    def make(port: int) -> Tap:
        taps.append(Tap(port))
        return taps[-1]

    yield make
    for one in taps:
        one.close()
