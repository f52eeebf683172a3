"""A device that says nothing, or nothing of its protocol, is named once its greeting is due."""

from drivers.host import Counters, Host
from drivers.listening import CLICK_BYTES, Listening
from drivers.moxy_host import MoxyHost
from drivers.rehastim2 import Rehastim2Host
from gateway.simulation.moxy import MoxyFeed, MoxyMonitor
from gateway.simulation.oximeter import Shown
from gateway.simulation.rehastim2 import RehaStim2

GREETING_MS = 5_000
OTHERWISE = "its line is not set to 9600 baud 8N1"


class Port:
    """One life of a port in virtual time, with a turn every 50 ms."""

    def __init__(self, host: Host | None = None) -> None:
        self.host: Host = host or Rehastim2Host()
        self.now_ms, self.bytes = 1_000, 0
        self.listening = Listening(GREETING_MS, OTHERWISE, self.now_ms)

    def hear(self, data: bytes) -> None:
        self.bytes += len(data)
        self.host.receive(data, self.now_ms)

    def turn(self, duration_ms: int = 50) -> None:
        for _ in range(0, duration_ms, 50):
            self.now_ms += 50
            self.hear(b"")
            self.listening.look(self.host, self.bytes, self.now_ms)

    @property
    def refusal(self) -> str:
        return self.listening.refusal(self.host)

    @property
    def complaint(self) -> str:
        return self.listening.complaint(self.host)


def init() -> bytes:
    """What a real stimulator says by itself."""
    device = RehaStim2()
    return b"".join(device.step(b"", now_ms) for now_ms in range(0, 600, 50))


def test_nothing_is_said_before_the_greeting_is_due_and_then_what_is_missing() -> None:
    port = Port()
    port.turn(GREETING_MS - 50)
    assert (port.refusal, port.complaint) == ("", "")
    port.turn()
    assert port.complaint.startswith("it has said nothing in 5 s: check its power")
    assert port.refusal == ""


def test_bytes_that_are_no_frame_are_counted_and_refused_with_what_else_it_may_be() -> None:
    port = Port()
    port.hear(b"U" * 300)
    port.turn(GREETING_MS)
    said = port.refusal
    assert said == (
        "300 bytes came in 5 s and no frame of this protocol among them: another device is plugged in, or "
        + OTHERWISE
    )
    port.hear(b"U" * 100)
    port.turn(1_000)
    assert port.refusal == said, "whoever watches reads it once"


def test_the_click_of_a_plug_is_nobodys_word() -> None:
    port = Port()
    port.hear(b"\x00" * CLICK_BYTES)
    port.turn(GREETING_MS)
    assert port.refusal == ""
    assert port.complaint
    port.hear(b"\x00")
    port.turn()
    assert port.refusal, "one byte more is somebody"


def test_the_first_valid_frame_takes_it_back_and_not_a_turn_later() -> None:
    port = Port()
    port.hear(b"U" * 300)
    port.turn(GREETING_MS)
    assert port.refusal
    port.hear(init())
    assert port.refusal == ""
    port.turn(10 * GREETING_MS)
    assert (port.refusal, port.complaint) == ("", ""), "it is known, and its silence is another matter"


def test_frames_of_somebody_who_does_not_say_who_it_is_are_no_reason_to_refuse() -> None:
    """A feeder that has not found its monitor."""
    port = Port(MoxyHost())
    feed = MoxyFeed(MoxyMonitor(lambda now_ms: Shown(700, 1000, 690)), "02:00:00:00:00:01")
    for _ in range(8):
        port.hear(feed.greeting(port.now_ms))
        port.turn(1_000)
    assert port.host.identity is None
    assert port.host.counters.frames == 16, "a hello and a state, each time"
    assert port.refusal == ""
    assert port.complaint.startswith("it speaks this protocol and has not said in 5 s who it is")


def test_one_frame_by_chance_in_a_stream_of_strange_bytes_hides_it_for_one_greeting_only() -> None:
    port = Port(Chance())
    port.hear(b"U" * 50)
    port.turn(2_000)
    port.host.counters = Counters(1, 0, 0, 0)  # type: ignore[misc]
    port.turn(50)
    for _ in range(GREETING_MS // 500):
        port.hear(b"U" * 50)
        port.turn(500)
    assert port.refusal.startswith("500 bytes came in 5 s")


class Chance:
    """A host that has identified nobody; its counters are the test's."""

    line, identity, refusal, last_valid_ms = Rehastim2Host.line, None, "", None
    counters = Counters(0, 0, 0, 0)

    def receive(self, data: bytes, now_ms: int) -> list[object]:
        return []

    def outgoing(self, now_ms: int) -> bytes:
        return b""
