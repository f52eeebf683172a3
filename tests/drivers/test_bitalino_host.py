"""The BITalino's host machine against the simulated device, in virtual time."""

import struct

import pytest

from drivers.bitalino_host import INPUTS, BitalinoHost
from drivers.host import Host, Identity
from drivers.sensor_events import Railed, Trouble
from gateway.simulation.bitalino import BATTERY_THRESHOLD, Bitalino
from tests.drivers.virtual_line import Line, blocks_of, joined, of_kind


def ramp(number: int) -> tuple[tuple[int, ...], int]:
    return tuple((number + place) % 1000 + 1 for place in range(6)), number & 15


def line(host: BitalinoHost | None = None) -> tuple[Line, Bitalino]:
    device = Bitalino(ramp)
    return Line(host or BitalinoHost((1, 2, 3, 4)), device.step), device


def host_of(line: Line) -> BitalinoHost:
    assert isinstance(line.host, BitalinoHost)
    return line.host


def rows(data: bytes, width: int) -> list[tuple[int, ...]]:
    return list(struct.iter_unpack(f"<{width}h", data))


def test_it_shows_the_face_of_a_host() -> None:
    host: Host = BitalinoHost()
    assert (host.line.baudrate, host.identity, host.last_valid_ms, host.refusal) == (115200, None, None, "")


def test_it_asks_who_is_there_before_it_acquires() -> None:
    wire, device = line()
    told = wire.run(1000)
    assert wire.host.identity == Identity("BITalino", "", "5.2")
    assert wire.sent == device.commands == b"\xff\x07\xc3\x3d"
    assert of_kind(told, Trouble) == []
    assert wire.host.counters.round_trip_ms == 0


def test_each_command_has_its_100_ms() -> None:
    wire, _ = line()
    at = {}
    for _ in range(200):
        before = wire.sent
        wire.run(5)
        at.setdefault(wire.sent[len(before) :], wire.now_ms - 5)
    assert [at[command] for command in (b"\xff", b"\x07", b"\xc3", b"\x3d")] == [0, 100, 200, 300]


def test_its_blocks_are_the_samples_in_order() -> None:
    wire, _ = line()
    blocks = blocks_of(wire.run(3000), INPUTS)
    found = rows(joined(blocks), 5)
    assert len(found) == sum(block.frames for block in blocks) > 2600
    assert found == [(*ramp(number)[0][:4], number & 15) for number in range(len(found))]
    assert {block.missing for block in blocks} == {0}
    [stream] = host_of(wire).streams
    assert [channel.name for channel in stream.channels] == [
        *("input_1", "input_2", "input_3", "input_4", "digital")
    ]
    assert (stream.rate_hz, stream.sample) == (1000, "int16")


def test_any_inputs_in_any_order_at_any_rate() -> None:
    wire, device = line(BitalinoHost((5, 2), rate_hz=10))
    found = rows(joined(blocks_of(wire.run(5000), INPUTS)), 3)
    assert device.commands[-2:] == b"\x43\x49"
    assert found[7] == (ramp(7)[0][1], ramp(7)[0][4], 7)


@pytest.mark.parametrize("bad", [{"inputs": ()}, {"inputs": (1, 1)}, {"rate_hz": 500}])
def test_what_the_device_does_not_have_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"input|rates"):
        BitalinoHost(**bad)  # type: ignore[arg-type]


def test_frames_lost_and_damaged_stand_before_the_block_behind_them() -> None:
    wire, device = line()
    device.defects.dropped = {100, 101, 102}
    device.defects.flipped = {500: 1 << 20}
    blocks = blocks_of(wire.run(2000), INPUTS)
    assert [block.missing for block in blocks if block.missing] == [3, 1]
    counters = wire.host.counters
    assert (counters.gaps, counters.checksum_errors, counters.resyncs) == (4, 1, 1)
    numbers = [row[0] - 1 for row in rows(joined(blocks), 5)]
    assert not {100, 101, 102, 500} & set(numbers[:600])


def test_an_input_at_the_end_of_its_range_is_told() -> None:
    values = {"second": 512}
    device = Bitalino(lambda number: ((500, values["second"], 500, 500, 0, 0), 0))
    wire = Line(BitalinoHost((1, 2, 3, 4)), device.step)
    wire.run(1000)
    values["second"] = 1023
    assert of_kind(wire.run(500), Railed) == [Railed((2,))]
    values["second"] = 0
    assert of_kind(wire.run(500), Railed) == []
    values["second"] = 512
    assert of_kind(wire.run(500), Railed) == [Railed(())]


class TestRefusal:
    @pytest.mark.parametrize("text", ["BITalino_v4.1", "BITalino V3.0", "BITalino", "BITalino_vX"])
    def test_the_first_generation_is_refused_and_left_idle(self, text: str) -> None:
        wire, device = line()
        device.defects.text = text
        told = wire.run(20_000)
        assert "takes firmware 4.2 and later" in wire.host.refusal
        assert wire.sent == b"\xff\x07\xff"
        assert blocks_of(told, INPUTS) == []

    def test_a_stranger_is_refused_after_three_tries(self) -> None:
        wire = Line(
            BitalinoHost(), lambda command, now_ms: b"SPO2=097 HR=072\r\n" if now_ms % 500 == 0 else b""
        )
        wire.run(30_000)
        assert "sends something else" in wire.host.refusal
        assert wire.sent == b"\xff\x07" * 3 + b"\xff"
        assert wire.host.last_valid_ms is None


class TestReturn:
    def test_a_silent_port_is_asked_again_and_again(self) -> None:
        wire, device = line()
        device.defects.silent = True
        assert len(of_kind(wire.run(10_000), Trouble)) == host_of(wire).restarts > 3
        assert wire.host.refusal == ""
        device.defects.silent = False
        assert blocks_of(wire.run(4000), INPUTS)

    def test_a_device_that_was_switched_off_and_on_streams_again(self) -> None:
        wire, device = line()
        wire.run(2000)
        device.power_cycle()
        told = wire.run(6000)
        assert len(of_kind(told, Trouble)) == 1
        assert blocks_of(told, INPUTS)[-1].arrived_ms > 7900
        assert wire.host.counters.gaps == 0

    def test_a_stream_left_over_from_before_is_ended_first(self) -> None:
        wire, device = line()
        device.step(b"\xc3\xfd", 0)
        told = wire.run(1000)
        assert of_kind(told, Trouble) == []
        assert blocks_of(told, INPUTS)

    def test_at_one_sample_a_second_a_damaged_frame_is_no_silence(self) -> None:
        wire, device = line(BitalinoHost((1,), rate_hz=1))
        device.defects.flipped = {10: 1 << 9}
        told = wire.run(30_000)
        assert of_kind(told, Trouble) == []
        assert len(joined(blocks_of(told, INPUTS))) == 4 * 28


class TestStop:
    def test_a_stop_ends_the_stream_for_good(self) -> None:
        wire, device = line()
        wire.run(1000)
        host_of(wire).stop()
        wire.sent = b""
        assert wire.run(10_000) == []
        assert (wire.sent, device.is_acquiring) == (b"\x00", False)

    def test_the_battery_lamp_is_never_set_by_accident(self) -> None:
        for after_ms in range(0, 800, 20):
            wire, device = line()
            wire.run(after_ms)
            host_of(wire).stop()
            wire.run(500)
            assert device.battery_threshold == BATTERY_THRESHOLD
            assert not device.is_acquiring


def test_our_own_bytes_returned_are_no_life() -> None:
    wire = Line(BitalinoHost(), lambda command, now_ms: command)
    wire.run(60_000)
    assert (wire.host.last_valid_ms, wire.host.identity) == (None, None)
