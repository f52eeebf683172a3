"""A ward for tests: mosquitto, a subscriber that remembers, core's journal and feed.

Theory of operation
-------------------
Brokers and the link process are real and bind 127.0.0.1 on free ports; every wait is a poll with a
deadline on something that really happens (a message, an end of a process), never a pause.
"""

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.config import Config, parse
from gateway.record.events import Event, HoldReached
from gateway.record.journal import Journal
from gateway.record.row import ClockQuality, Stamp, event_row
from gateway.runtime.clock import SystemClock
from gateway.ward.broker import free_port
from gateway.ward.cursor import Cursor, CursorFile
from gateway.ward.messages import Alarm, Feed, Health, State

PROJECT = Path(__file__).parents[2]
DEADLINE_S = 25.0
ROOT = "rvos/v1/lab/icu/bed-7"
DEVICE = "bed-7"


class Deadline:
    def __init__(self, seconds: float = DEADLINE_S) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def check(self, what: str) -> None:
        assert self.left > 0, f"not in time: {what}"


class Mosquitto:
    """A mosquitto that saves its sessions at every change, as a ward's should nearly do."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._log = directory / "mosquitto.log"
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous true",
            "user root",
            "persistence true",
            f"persistence_location {directory}/",
            "autosave_on_changes true",
            "autosave_interval 1",
            "max_queued_messages 100000",  # 0, no limit, makes 2.0.11 hang up on who publishes what is denied
            "log_type all",
            *options,
        ]
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        mosquitto = find_mosquitto()
        assert mosquitto
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([mosquitto, "-c", str(self._config)], stdout=log, stderr=log)
        deadline = Deadline(5)
        while not _answers(self.port):
            deadline.check(self._log.read_text())

    @property
    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def find_mosquitto() -> str | None:
    return shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.05).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Received:
    topic: str
    payload: bytes
    retained: bool
    qos: int
    properties: dict[str, Any]

    @property
    def tail(self) -> str:
        return self.topic.removeprefix(f"{ROOT}/")

    @property
    def json(self) -> dict[str, Any]:
        return msgspec.json.decode(self.payload, type=dict[str, Any]) if self.payload else {}


class Subscriber:
    """A persistent QoS 1 subscriber that subscribes at each connection and keeps what it got."""

    def __init__(self, port: int, version: str = "5", topic: str = f"{ROOT}/#", name: str = "ward") -> None:
        self._queue: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._subscribed: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.received: list[Received] = []
        is_v5 = version == "5"
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=name,
            clean_session=None if is_v5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311,
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.on_message = lambda _client, _data, message: self._queue.put(_received(message))
        options: dict[str, Any] = {}
        if is_v5:
            options = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            options["properties"].SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, keepalive=5, **options)
        self._client.loop_start()
        self._subscribed.get(timeout=DEADLINE_S)

    def drain(self, timeout: float = 0.0) -> None:
        """Take what has come; waits ``timeout`` for the first."""
        try:
            self.received.append(self._queue.get(timeout=timeout or None, block=timeout > 0))
            while True:
                self.received.append(self._queue.get_nowait())
        except queue.Empty:
            return

    def until(self, wanted: Callable[["Subscriber"], bool], turn: Callable[[], None] | None = None) -> None:
        """Receive until ``wanted`` accepts; ``turn`` drives a link of this process meanwhile."""
        deadline = Deadline()
        while not wanted(self):
            if turn is not None:
                turn()
            self.drain(timeout=0.05)
            deadline.check(f"after {[(one.tail, one.payload[:60]) for one in self.received][-20:]}")

    def last(self, tail: str) -> Received | None:
        return next((one for one in reversed(self.received) if one.tail == tail), None)

    def states(self) -> list[str]:
        return [one.json["state"] for one in self.received if one.tail == "status" and one.payload]

    def events(self) -> list[Received]:
        return [one for one in self.received if one.tail.startswith(("event/", "session/summary"))]

    def seqs(self) -> list[int]:
        return [one.json["seq"] for one in self.events()]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _received(message: paho.MQTTMessage) -> Received:
    properties = {} if message.properties is None else message.properties.json()
    return Received(message.topic, message.payload, message.retain, message.qos, properties)


TOML = """\
[site]
site = "lab"
ward = "icu"
device = "bed-7"

[core]
state_dir = "{directory}/core"
runtime_dir = "{directory}/run"

[cuff]
port = "/dev/rvos-cuff"
description = "cuff of the test"

[mqtt]
host = "127.0.0.1"
port = {port}
protocol = "{protocol}"
keepalive_s = 5
{more}

[link]
state_dir = "{directory}/link"
"""


@dataclass
class Bedside:
    """Core's side of the link: the journal it writes and the feed that it serves."""

    directory: Path
    journal: Journal
    boot: int
    protocol: str = "5"
    more: str = ""
    clock: SystemClock = field(default_factory=SystemClock)
    _listener: socket.socket | None = None
    _feeds: list[socket.socket] = field(default_factory=list)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def record(self, *events: Event, session: str = "") -> None:
        stamp = Stamp(self.boot, self.clock.now_ms(), 1_700_000_000_000, ClockQuality.SYNCHRONISED)
        self.journal.append([event_row(event, session, stamp) for event in events])

    def record_many(self, count: int) -> None:
        self.record(*[HoldReached(cycle=number, target_dmmhg=1700) for number in range(count)])

    def config(self, port: int) -> Config:
        return parse(self.toml(port))

    def toml(self, port: int) -> str:
        return TOML.format(directory=self.directory, port=port, protocol=self.protocol, more=self.more)

    def serve(self) -> None:
        """Open the feed socket, as core does."""
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.directory / "run" / "feed.sock"))
        self._listener.listen()
        self._listener.setblocking(False)

    def feed(self, *alarms: Alarm, boot: int | None = None, **changes: Any) -> None:
        """One line to whoever is connected."""
        assert self._listener is not None
        with contextlib.suppress(BlockingIOError):
            self._feeds.append(self._listener.accept()[0])
        line = msgspec.json.encode(make_feed(*alarms, boot=boot or self.boot, **changes)) + b"\n"
        for connection in list(self._feeds):
            try:
                connection.sendall(line)
            except OSError:
                connection.close()
                self._feeds.remove(connection)

    def readers(self) -> int:
        """How many are still connected to the feed."""
        return len(self._feeds)

    def close_feed(self) -> None:
        for connection in [*self._feeds, *([self._listener] if self._listener else [])]:
            connection.close()
        self._feeds, self._listener = [], None
        (self.directory / "run" / "feed.sock").unlink(missing_ok=True)

    def cursor(self) -> Cursor:
        return CursorFile(self.directory / "link" / "cursor.json").load()

    def start_process(self, port: int) -> subprocess.Popen[bytes]:
        """The link as a process of its own; returns when it says that it is ready."""
        config = self.directory / "rvos.toml"
        config.write_text(self.toml(port))
        script = Path(__file__).with_name("link_process.py")
        with (self.directory / "link.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(script), str(config)],
                env={**os.environ, "PYTHONPATH": str(PROJECT)},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", (self.directory / "link.log").read_text()
        return process

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        self.close_feed()
        self.journal.close()


def make_feed(*alarms: Alarm, boot: int = 1, devices: Sequence[Health] = (), **changes: Any) -> Feed:
    state: dict[str, Any] = {"mode": "idle", "cuff_ok": True, "sto2_ok": False, "alarms_active": len(alarms)}
    return Feed(state=State(**{**state, **changes}), alarms=list(alarms), boot=boot, devices=[*devices])


def make_alarm(alarm_id: str, **changes: Any) -> Alarm:
    words = {
        "condition": "over_pressure",
        "priority": "high",
        "state": "active",
        "text": "Cuff",
        "raised_ms": 5,
    }
    return Alarm(alarm_id=alarm_id, **{**words, **changes})
