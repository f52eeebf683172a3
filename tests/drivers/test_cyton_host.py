"""The Cyton's host machine against the simulated board, in virtual time."""

import struct

import pytest

from drivers import cyton
from drivers.cyton_host import ACCELERATION, EMG, CytonHost
from drivers.host import Host, Identity
from drivers.sensor_events import Railed, Trouble
from gateway.simulation import cyton as simulation
from tests.drivers.virtual_line import Line, blocks_of, joined, of_kind

SETUP = b"d" + b"".join(cyton.encode_channel_setting(n, 24, bipolar=True) for n in range(1, 9))


def ramp(number: int) -> tuple[int, ...]:
    return tuple(number * 8 + channel - 4 for channel in range(8))


def line(host: CytonHost | None = None) -> tuple[Line, simulation.Cyton]:
    board = simulation.Cyton(ramp)
    return Line(host or CytonHost(), board.step), board


def int24(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 3], "little", signed=True) for at in range(0, len(data), 3)]


def host_of(line: Line) -> CytonHost:
    assert isinstance(line.host, CytonHost)
    return line.host


def test_it_shows_the_face_of_a_host() -> None:
    host: Host = CytonHost()
    assert (host.line.baudrate, host.identity, host.last_valid_ms, host.refusal) == (115200, None, None, "")


def test_it_asks_who_is_there_before_it_sets_up_and_streams() -> None:
    wire, board = line()
    told = wire.run(1000)
    assert wire.host.identity == Identity("OpenBCI Cyton", "", "3.1.2")
    assert wire.sent == b"sv" + SETUP + b"b"
    assert board.settings == dict.fromkeys(range(1, 9), "060100")
    assert of_kind(told, Trouble) == []
    assert wire.host.counters.round_trip_ms == 0


def test_its_blocks_are_the_samples_in_order_and_little_endian() -> None:
    wire, _ = line()
    blocks = blocks_of(wire.run(3000), EMG)
    data = joined(blocks)
    assert len(data) == 24 * sum(block.frames for block in blocks) > 24 * 600
    assert int24(data) == [count for number in range(len(data) // 24) for count in ramp(number)]
    assert {block.missing for block in blocks} == {0}
    assert wire.host.last_valid_ms is not None
    assert wire.host.last_valid_ms > 2980


def test_the_accelerometer_is_a_stream_of_its_own() -> None:
    wire, _ = line()
    data = joined(blocks_of(wire.run(1000), ACCELERATION))
    assert struct.unpack("<3h", data[:6]) == (800, 0, 8000)
    assert data[6:60] == bytes(54)


def test_six_bytes_that_are_no_acceleration_are_no_value() -> None:
    host = CytonHost()
    wire, _ = line(host)
    wire.run(1000)
    stream = b"".join(cyton.encode_frame(n, (0,) * 8, b"\1" * 6, cyton.END_ANALOGUE) for n in range(100, 104))
    [block] = blocks_of(host.receive(stream, wire.now_ms), ACCELERATION)
    [*_, acceleration] = host.streams
    assert struct.unpack("<h", block.data[:2])[0] == acceleration.channels[0].missing


def test_frames_lost_by_the_radio_stand_before_the_block_behind_them() -> None:
    wire, board = line()
    board.defects.dropped = {100, 101, 102, 200}
    blocks = blocks_of(wire.run(2000), EMG)
    assert [block.missing for block in blocks if block.missing] == [3, 1]
    assert wire.host.counters.gaps == 4
    after = next(block for block in blocks if block.missing == 3)
    assert int24(after.data)[:8] == list(ramp(103))


def test_an_electrode_that_is_off_is_told_and_told_again_when_it_is_back() -> None:
    wire, board = line()
    wire.run(1000)
    board.defects.railed = {2, 5}
    assert of_kind(wire.run(500), Railed) == [Railed((2, 5))]
    board.defects.railed = set()
    assert of_kind(wire.run(500), Railed) == [Railed(())]


def test_the_scale_follows_the_gain() -> None:
    host = CytonHost(gain=12, bipolar=False)
    wire, board = line(host)
    wire.run(1000)
    assert host.streams[0].channels[0].scale == pytest.approx(4.5 / 12 / (2**23 - 1) * 1e6)
    assert board.settings[1] == "050110"


def test_a_daisy_module_is_left_aside() -> None:
    wire, board = line()
    board.defects.text = simulation.TEXT.replace("LIS", "On Daisy ADS1299 Device ID: 0x3E\nLIS")
    blocks = blocks_of(wire.run(1000), EMG)
    assert wire.sent.startswith(b"svcd")
    assert blocks
    assert wire.host.identity == Identity("OpenBCI Cyton with Daisy", "", "3.1.2")


class TestRefusal:
    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("OpenBCI Ganglion v2.0.0\n", "it says 'OpenBCI Ganglion v2.0.0'"),
            ("OpenBCI V3 8bit Board\nADS1299 Device ID: 0x3E\n", "8bit"),
            (simulation.TEXT.replace("0x3E", "0xFF"), "its converter says '0xFF'"),
            (simulation.TEXT.replace("3.1.2", "1.0.0"), "its firmware is '1.0.0'; update"),
            (simulation.TEXT.replace("3.1.2", "4.0.0"), "its firmware is '4.0.0'"),
            ("OpenBCI V3 16 channel\nADS1299 Device ID: 0x3E\n", "its firmware is 'older than 2'"),
        ],
    )
    def test_another_board_is_refused_and_only_told_to_stop(self, text: str, reason: str) -> None:
        wire, board = line()
        board.defects.text = text
        told = wire.run(20_000)
        assert reason in wire.host.refusal
        assert wire.sent == b"svs"
        assert blocks_of(told, EMG) == []

    def test_a_stranger_is_refused_after_three_tries(self) -> None:
        host = CytonHost()
        wire = Line(host, lambda command, now_ms: b"SPO2=097 HR=072\r\n" if now_ms % 1000 == 0 else b"")
        wire.run(30_000)
        assert "which no OpenBCI board does" in host.refusal
        assert wire.sent == b"svsvsvs"
        assert host.last_valid_ms is None

    def test_a_stranger_with_dollars_is_refused_with_his_words(self) -> None:
        wire = Line(CytonHost(), lambda command, now_ms: b"price 3$$$" if command == b"v" else b"")
        wire.run(30_000)
        assert "it answers 'price 3', which no OpenBCI board does" in wire.host.refusal


class TestReturn:
    def test_a_silent_port_is_asked_again_and_again(self) -> None:
        wire, board = line()
        board.defects.silent = True
        troubles = of_kind(wire.run(10_000), Trouble)
        assert len(troubles) == host_of(wire).restarts == 3
        assert wire.host.refusal == ""
        board.defects.silent = False
        assert blocks_of(wire.run(4000), EMG)

    def test_a_board_that_is_off_is_named(self) -> None:
        wire, board = line()
        board.defects.out_of_reach = True
        [trouble, *_] = of_kind(wire.run(2000), Trouble)
        assert "switched on" in str(trouble)
        board.defects.out_of_reach = False
        assert blocks_of(wire.run(4000), EMG)

    def test_a_board_that_was_switched_off_and_on_streams_again(self) -> None:
        wire, board = line()
        wire.run(2000)
        board.power_cycle()
        told = wire.run(6000)
        assert len(of_kind(told, Trouble)) == 1
        blocks = blocks_of(told, EMG)
        assert blocks[-1].arrived_ms > 7900
        assert {block.missing for block in blocks} == {0}

    def test_a_setting_without_an_answer_begins_again(self) -> None:
        wire, board = line()
        board.defects.deaf_to = b"x"
        assert of_kind(wire.run(3000), Trouble)
        assert wire.host.counters.frames == 2
        board.defects.deaf_to = b""
        assert blocks_of(wire.run(5000), EMG)

    def test_a_stream_left_over_from_before_does_not_hide_the_text(self) -> None:
        wire, board = line()
        board.step(b"b", 0)
        told = wire.run(1000)
        assert wire.host.identity is not None
        assert blocks_of(told, EMG)
        assert of_kind(told, Trouble) == []


def test_a_stop_is_next_and_for_good() -> None:
    wire, board = line()
    wire.run(1000)
    host_of(wire).stop()
    assert wire.host.outgoing(wire.now_ms) == b"s"
    board.step(b"s", wire.now_ms)
    wire.sent = b""
    assert wire.run(10_000) == []
    assert (wire.sent, board.is_streaming) == (b"", False)


def test_our_own_bytes_returned_are_no_life() -> None:
    wire = Line(CytonHost(), lambda command, now_ms: command)
    wire.run(60_000)
    assert (wire.host.last_valid_ms, wire.host.identity) == (None, None)
