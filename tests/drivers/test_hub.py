"""The host of the force/EMG hub against the simulated hub, in virtual time."""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.host import Block, Channel, Counters, Identity
from drivers.hub import SILENT_MS, Condition, Greeted, HubHost, Restarted, Started, Stopped
from drivers.hub_streams import HOLD_MS, Indices
from firmware_bridge import cuff, ecp
from firmware_bridge import hub as wire
from gateway.simulation.hub import FULL, LOAD_CELL, SMALL, Leg, Sensors, SimulatedHub

Seen = TypeVar("Seen")


@dataclass
class Table:
    """A hub and its host on one wire; ``on_wire`` may damage what the hub sends."""

    hub: SimulatedHub = field(default_factory=lambda: SimulatedHub(Leg()))
    host: HubHost = field(default_factory=HubHost)
    now_ms: int = 0
    events: list[object] = field(default_factory=list)
    sent: bytes = b""
    on_wire: Callable[[bytes], bytes] = lambda data: data

    def run(self, duration_ms: int, step_ms: int = 2) -> None:
        for _ in range(duration_ms // step_ms):
            out = self.host.outgoing(self.now_ms)
            self.sent += out
            arrived = self.on_wire(self.hub.step(self.now_ms, out))
            self.events += self.host.receive(arrived, self.now_ms)
            self.now_ms += step_ms

    def seen(self, kind: type[Seen]) -> list[Seen]:
        return [event for event in self.events if isinstance(event, kind)]

    def blocks(self, name: str) -> list[Block]:
        return [block for block in self.seen(Block) if block.stream == name]

    def frames(self, name: str) -> tuple[int, int]:
        """Frames that arrived, and frames known to be missing."""
        blocks = self.blocks(name)
        return sum(block.frames for block in blocks), sum(block.missing for block in blocks)


def streaming(sensors: Sensors = FULL, duration_ms: int = 100) -> Table:
    table = Table(SimulatedHub(Leg(), sensors))
    table.run(duration_ms)
    assert table.host.streaming
    return table


def test_a_new_host_greets_starts_and_hears_the_full_load() -> None:
    table = streaming(duration_ms=1010)
    assert [type(event) for event in table.events[:2]] == [Greeted, Started]
    assert table.host.identity == Identity("rvos force/EMG hub (simulated)", "SIM-HUB-1", "0.1.0")
    assert table.seen(Started)[0].streams == ("emg", "force", "ppg", "nirs")
    frames = {"emg": (2012, 0), "force": (1006, 0), "ppg": (503, 0), "nirs": (50, 0)}
    assert {name: table.frames(name) for name in frames} == frames
    assert table.host.refusal == ""
    assert table.host.last_valid_ms == table.now_ms - 2


def test_streams_are_told_in_the_terms_of_a_waveform_file() -> None:
    emg, force, ppg, nirs = streaming().host.streams
    assert (emg.name, emg.rate_hz, emg.sample, len(emg.channels)) == ("emg", 2000.0, "int16", 8)
    assert emg.channels[7] == Channel("emg_8", "uV", 0.2, 0.0)
    assert (force.rate_hz, force.sample) == (1000.0, "int24")
    assert force.channels == (Channel("force", "N", 0.000117, -0.958464),)
    assert (ppg.rate_hz, ppg.channels) == (500.0, (Channel("ppg", "", 1.0, 0.0),))
    assert (nirs.rate_hz, [channel.name for channel in nirs.channels]) == (
        50.0,
        ["nirs_1", "nirs_2", "nirs_3", "nirs_4"],
    )
    assert HubHost().streams == ()


def test_bytes_of_a_block_mean_what_was_measured() -> None:
    """What the source says comes out at the far end, through counts and scale."""

    def source(kind: int, at_us: int, channels: int) -> list[float]:
        per_channel = {wire.EMG: -40.0, wire.FORCE: 12.5, wire.PPG: 70000.0, wire.NIRS: 9000.0}[kind]
        return [per_channel + channel for channel in range(channels)]

    table = Table(SimulatedHub(source))
    table.run(100)
    emg, force, ppg, nirs = (table.blocks(stream.name)[3] for stream in table.host.streams)
    assert struct.unpack("<32h", emg.data) == tuple(5 * (-40 + channel) for channel in range(8)) * 4
    (scale, offset) = table.host.streams[1].channels[0][2:4]
    count = int.from_bytes(force.data[3:6], "little", signed=True)
    assert count * scale + offset == pytest.approx(12.5, abs=0.0002)
    assert int.from_bytes(ppg.data, "little") == 70000
    assert [int.from_bytes(nirs.data[at : at + 3], "little") for at in (0, 3, 6, 9)] == [
        9000,
        9001,
        9002,
        9003,
    ]


def test_a_slow_hub_has_its_own_pace() -> None:
    table = streaming(LOAD_CELL, 1010)
    assert table.frames("force") == (80, 0)
    assert {len(block.data) for block in table.blocks("force")} == {3}


def test_several_rates_share_a_packet() -> None:
    table = streaming(SMALL, 1010)
    assert (table.frames("emg"), table.frames("force")) == ((2012, 0), (80, 0))
    assert table.host.counters.frames == pytest.approx(502 + 3, abs=2)


def test_only_wanted_streams_are_started() -> None:
    table = Table(host=HubHost(("ppg", "emg")))
    table.run(100)
    assert table.seen(Started)[0].streams == ("emg", "ppg")
    assert table.frames("force") == (0, 0)
    assert table.frames("emg")[0] > 0


def test_a_host_that_wants_nothing_asks_who_it_is_and_no_more() -> None:
    table = Table(host=HubHost(()))
    table.run(3000)
    assert table.host.identity is not None
    assert not table.hub.streaming
    assert table.host.counters.round_trip_ms == 0  # alive all the same


def test_a_lost_packet_is_counted_in_every_stream() -> None:
    table = streaming()
    before = table.host.counters
    assert before.gaps == 0
    table.events.clear()
    table.on_wire = lambda data: b""
    table.run(20)
    table.on_wire = lambda data: data
    table.run(20)
    assert table.host.counters.gaps == 10
    assert [table.frames(name)[1] for name in ("emg", "force", "ppg")] == [40, 20, 10]
    assert [block.missing for block in table.blocks("emg")[:2]] == [40, 0]


def test_a_gap_in_a_slow_stream_is_counted_exactly() -> None:
    table = streaming(SMALL, 1000)
    table.events.clear()
    table.on_wire = lambda data: b""
    table.run(500)
    table.on_wire = lambda data: data
    table.run(500)
    arrived, missing = table.frames("force")
    assert arrived + missing == 80
    assert missing == 40


def test_what_the_hub_itself_lost_is_missing_too() -> None:
    table = streaming()
    table.events.clear()
    table.run(400, step_ms=400)  # the hub's loop stood still for longer than its sensors keep
    table.run(100)
    arrived, missing = table.frames("emg")
    assert missing > 0
    assert arrived + missing == 1000
    assert table.host.counters.gaps == 0


def test_a_stop_is_the_next_thing_on_the_wire_and_start_begins_anew() -> None:
    table = streaming()
    table.host.stop()
    assert table.host.outgoing(table.now_ms) == wire.encode_stop_request()
    table.run(600)  # that one was lost: it is said again
    assert table.seen(Stopped) == [Stopped(False, table.seen(Stopped)[0].arrived_ms)]
    assert not table.hub.streaming
    table.events.clear()
    table.run(3000)
    assert table.events == []
    table.host.start()
    table.run(100)
    assert [type(event) for event in table.events[:2]] == [Started, Block]
    assert table.blocks("emg")[0].missing == 0


def test_the_hub_is_kept_awake_for_as_long_as_the_host_lives() -> None:
    table = streaming(LOAD_CELL, wire.SILENT_HOST_MS * 3)
    assert table.seen(Stopped) == []
    table.hub.step(table.now_ms + wire.SILENT_HOST_MS + PING_SLACK_MS)
    assert not table.hub.streaming


PING_SLACK_MS = 10


def test_silence_is_noticed_and_the_hub_comes_back_by_itself() -> None:
    table = streaming()
    table.events.clear()
    table.hub.silent = True
    table.run(SILENT_MS - 100)
    assert table.events == []
    table.run(300)
    assert [type(event) for event in table.events] == [Stopped]
    assert table.seen(Stopped)[0].silent
    table.hub.silent = False
    table.run(1200)
    assert table.seen(Restarted) == []
    assert len(table.seen(Started)) == 1
    assert table.blocks("emg")[0].missing == 0


def test_a_reset_hub_is_greeted_and_started_again() -> None:
    table = streaming()
    table.events.clear()
    table.hub.reset(table.now_ms)
    table.run(2000)
    kinds = [type(event) for event in table.events if not isinstance(event, Block)]
    assert kinds == [Stopped, Restarted, Greeted, Started]
    assert table.host.refusal == ""
    assert table.host.streaming


def test_a_reset_between_hello_and_start_is_noticed_by_the_nonce() -> None:
    table = Table()
    table.run(2)
    table.hub.reset(table.now_ms)
    table.run(1000)
    assert len(table.seen(Greeted)) == 2
    assert table.host.streaming


def test_a_hub_that_comes_back_with_other_sensors_is_refused() -> None:
    table = streaming()
    table.hub.reset(table.now_ms, SMALL)
    table.run(3000)
    assert table.host.refusal == "the hub came back with other sensors than before: open its port again"
    assert not table.hub.streaming
    assert table.host.outgoing(table.now_ms) == b""


def test_another_hub_on_the_same_port_is_refused() -> None:
    table = streaming()
    table.hub.reset(table.now_ms)
    table.hub.device.hello = hello_of(serial=b"OTHER")
    table.run(3000)
    assert table.host.refusal == "another hub came back on this port: open its port again"


def hello_of(
    protocol: tuple[int, int] = (1, 1),
    serial: bytes = b"SIM-HUB-1",
    period_us: int = 2000,
    streams: tuple[wire.Stream, ...] = FULL.streams,
) -> wire.Hello:
    return wire.Hello(*protocol, 0, 1, 0, 2, period_us, serial, b"simulated", streams)


@pytest.mark.parametrize(
    ("hello", "words"),
    [
        (hello_of((2, 3)), "the hub speaks protocol 2 to 3, the gateway 1 to 1"),
        (hello_of((0, 0)), "the hub speaks protocol 0 to 0"),
        (hello_of(period_us=100), "contradicts itself (a packet every 100 us)"),
        (hello_of(streams=()), "contradicts itself (0 streams)"),
        (hello_of(streams=LOAD_CELL.streams), "the hub has no emg, only force"),
    ],
)
def test_what_cannot_be_relied_on_is_refused_and_not_started(hello: wire.Hello, words: str) -> None:
    table = Table(host=HubHost(("emg",)))
    table.hub.device.hello = hello
    table.run(2000)
    assert words in table.host.refusal
    assert table.host.identity is not None
    assert not table.hub.streaming
    assert table.seen(Block) == []


def test_a_protocol_range_that_reaches_ours_is_spoken() -> None:
    table = Table()
    table.hub.device.hello = hello_of((1, 9))
    table.hub.device.hello = table.hub.device.hello._replace(nonce=1)
    table.run(500)
    assert table.host.streaming


CUFF_STATUS = cuff.encode_status(
    cuff.Status(1, 1, 1, 0, 0, None, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0)
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (CUFF_STATUS, "this is our cuff controller, not the hub"),
        (ecp.encode_frame(0x80, bytes(22)), "this is a CPAR+ cuff, not the hub"),
        (ecp.encode_nack(ecp.ERROR_UNKNOWN_FUNCTION), "does not know the hub's hello"),
    ],
)
def test_another_device_on_the_port_is_named(answer: bytes, words: str) -> None:
    host = HubHost()
    for now_ms in range(0, 2000, 50):
        if host.outgoing(now_ms):
            host.receive(answer, now_ms)
    assert words in host.refusal
    assert host.outgoing(9999) == b""


def test_one_nack_may_answer_what_somebody_else_said() -> None:
    host = HubHost()
    host.outgoing(0)
    host.receive(ecp.encode_nack(ecp.ERROR_UNKNOWN_FUNCTION), 1)
    assert host.refusal == ""


def test_a_silent_device_is_asked_again_and_again() -> None:
    host = HubHost()
    asked = [now_ms for now_ms in range(0, 3001, 50) if host.outgoing(now_ms)]
    assert asked == [0, 500, 1000, 1500, 2000, 2500, 3000]
    assert host.timeouts == 6
    assert (host.identity, host.refusal, host.last_valid_ms) == (None, "", None)


def test_a_line_that_echoes_is_no_hub() -> None:
    host = HubHost()
    for now_ms in range(0, 5000, 50):
        host.receive(host.outgoing(now_ms), now_ms)
    assert (host.identity, host.last_valid_ms, host.streaming) == (None, None, False)


def test_a_damaged_request_is_asked_again_at_once() -> None:
    table = streaming(duration_ms=900)
    table.host.start()
    while not (out := table.host.outgoing(table.now_ms)):
        table.run(2)
    table.host.receive(ecp.encode_nack(ecp.ERROR_CRC), table.now_ms)
    assert table.host.timeouts == 0
    assert len(out) > 0
    table.run(1100)
    assert table.host.counters.round_trip_ms == 0


def test_round_trip_is_the_time_of_the_newest_answer() -> None:
    table = streaming()
    delayed: list[bytes] = [b""] * 7

    def late(data: bytes) -> bytes:
        delayed.append(data)
        return delayed.pop(0)

    table.on_wire = late
    table.run(2500)
    assert table.host.counters.round_trip_ms == 14


def test_a_packet_that_came_again_is_dropped() -> None:
    table = streaming()
    packet = table.hub.step(table.now_ms)
    first = table.host.receive(packet, table.now_ms)
    assert len(first) == 3
    assert table.host.receive(packet, table.now_ms) == []
    assert table.host.repeats == 1
    assert table.host.counters.gaps == 0


def test_packets_of_somebody_elses_run_are_dropped() -> None:
    table = streaming()
    table.host, table.events = HubHost(), []
    table.run(100)
    assert [type(event) for event in table.events[:3]] == [Greeted, Started, Block]
    assert table.blocks("emg")[0].missing == 0
    assert table.host.unexpected > 0


def test_what_is_wrong_is_told_once_and_its_end_after_a_while() -> None:
    table = streaming()
    table.hub.faults.electrodes_off = 0b101
    table.run(200)
    table.hub.faults.force_silent = True
    table.run(200)
    told = [(one.words, one.electrodes_off) for one in table.seen(Condition)]
    assert told == [((), (1, 3)), (("force not ready",), (1, 3))]
    table.hub.faults.electrodes_off = 0
    table.hub.faults.force_silent = False
    began = table.now_ms
    table.run(HOLD_MS + 100)
    assert [(one.words, one.electrodes_off) for one in table.seen(Condition)[2:]] == [((), ())]
    assert HOLD_MS - 10 <= table.seen(Condition)[-1].arrived_ms - began <= HOLD_MS + 10


def test_the_end_of_the_scale_is_told() -> None:
    table = Table(SimulatedHub(lambda kind, at_us, channels: [1e9] * channels))
    table.run(100)
    assert table.seen(Condition)[0].words == ("emg saturated", "force saturated", "ppg saturated")


def test_sensors_that_stand_still_are_told_and_the_hub_counts_as_alive() -> None:
    table = streaming()
    table.hub.faults.sampling_stopped = True
    table.run(3000)
    assert table.host.streaming
    assert table.seen(Condition)[-1].words == ("sensor fault",)
    assert table.now_ms - (table.host.last_valid_ms or 0) <= 102


def test_damage_on_the_line_is_counted_and_costs_what_it_hits() -> None:
    table = streaming()
    table.events.clear()
    table.on_wire = lambda data: data[:20] + bytes((data[20] ^ 1,)) + data[21:] if data else data
    table.run(2)
    table.on_wire = lambda data: data
    table.run(20)
    counters = table.host.counters
    assert counters.checksum_errors + counters.resyncs == 1
    assert counters.gaps == 1
    assert table.frames("emg") == (40, 4)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(
    pieces=st.lists(st.binary(max_size=200) | st.sampled_from([CUFF_STATUS[:9], b"\xff\xf1\xd0"]), max_size=8)
)
def test_garbage_never_raises_and_never_becomes_samples(pieces: list[bytes]) -> None:
    table = streaming()
    table.events.clear()
    for piece in pieces:
        table.host.receive(piece, table.now_ms)
    table.run(40)
    assert table.host.streaming
    assert all(len(block.data) == 64 for block in table.blocks("emg"))
    assert table.blocks("emg")[-1].missing == 0
    assert table.host.refusal == ""


def test_indices_that_went_round_unseen_are_counted_by_the_hubs_clock() -> None:
    """2 kHz go round 65536 in 32.8 s: a gap of 100 s is three rounds and a rest."""
    indices = Indices(FULL.streams)
    assert indices.missing(0, 0, 0) == 0
    lost = 2000 * 100
    assert indices.missing(0, (4 + lost) % 65536, 100_002_000) == lost
    assert indices.missing(0, (8 + lost) % 65536, 100_004_000) == 0
    across = (1 << 30) - 1000
    assert indices.missing(1, 0, across) == 0
    assert indices.missing(1, 2 + 70_000 - 65536, (across + 70_002_000) % (1 << 30)) == 70_000


def test_counters_start_at_nothing() -> None:
    assert HubHost().counters == Counters(0, 0, 0, 0, None)
