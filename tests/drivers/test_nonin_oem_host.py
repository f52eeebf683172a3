"""The Nonin OEM's host machine against the simulated module, in virtual time."""

import struct

import pytest

from drivers import nonin_oem
from drivers.host import Host, Identity
from drivers.nonin_oem_host import PULSE, FormatAnswer, NoninOemHost, Values
from drivers.sensor_events import Trouble
from gateway.simulation.nonin_oem import AT_REST, NoninOem
from tests.drivers.virtual_line import Line, blocks_of, joined, of_kind

SELECT_7 = bytes.fromhex("02 70 04 02 07 00 7d 03")


def ramp(number: int) -> int:
    return number * 131 % 65536


def small_ramp(number: int) -> int:
    return number % 256


def line(wanted: int = 7, sent: int = 7) -> tuple[Line, NoninOem]:
    module = NoninOem(ramp if sent == 7 and wanted == 7 else small_ramp, sent)
    return Line(NoninOemHost(wanted), module.step), module


def last(told: list[object]) -> Values:
    value = of_kind(told, Values)[-1]
    assert isinstance(value, Values)
    return value


def pairs(data: bytes, width: int) -> list[tuple[int, int]]:
    numbers = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def test_it_shows_the_face_of_a_host() -> None:
    host: Host = NoninOemHost()
    assert (host.line.baudrate, host.identity, host.last_valid_ms, host.refusal) == (9600, None, None, "")


def test_a_format_that_the_module_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="data format 8 is none of"):
        NoninOemHost(8)


@pytest.mark.parametrize("data_format", nonin_oem.FORMATS)
def test_a_module_that_sends_what_is_wanted_is_never_written_to(data_format: int) -> None:
    wire, _ = line(data_format, data_format)
    told = wire.run(10_000)
    assert wire.sent == b""
    assert wire.host.identity == Identity("Nonin OEM", "", "48")
    assert of_kind(told, Trouble) == []
    assert wire.host.counters == (749, 0, 0, 0, None)


def test_nothing_is_given_out_before_the_identity() -> None:
    wire, _ = line()
    assert wire.run(330) == []
    assert wire.host.identity is None
    told = wire.run(400)
    assert isinstance(told[0], Values)
    assert wire.host.identity is not None


@pytest.mark.parametrize(("data_format", "sample", "width"), [(7, "int24", 3), (2, "int16", 2)])
def test_the_pulse_wave_comes_with_its_status(data_format: int, sample: str, width: int) -> None:
    wire, _ = line(data_format, data_format)
    host = wire.host
    assert isinstance(host, NoninOemHost)
    [stream] = host.streams
    assert (stream.sample, stream.rate_hz) == (sample, 75)
    blocks = blocks_of(wire.run(5000), PULSE)
    source = ramp if data_format == 7 else small_ramp
    found = pairs(joined(blocks), width)
    assert [wave for wave, _ in found] == [source(number) for number in range(25, 25 + len(found))]
    assert found[0][1] == 0x80 | nonin_oem.SYNC
    assert {status for _, status in found} == {0x80, 0x81, 0x80 | nonin_oem.GREEN_PERFUSION}


def test_it_arrives_with_the_frame_and_not_with_the_packet() -> None:
    wire, _ = line()
    blocks = blocks_of(wire.run(2000), PULSE)
    assert max(block.frames for block in blocks) == 1


def test_the_values_are_those_of_the_module_three_times_a_second() -> None:
    wire, module = line()
    wire.run(3000)
    module.values = AT_REST._replace(heart_rate=300, spo2=88, spo2_fast=None, spo2_beat=90)
    told = wire.run(3000)
    assert len(of_kind(told, Values)) == 9
    assert last(told)[:4] == (300, 88, None, 90)
    assert last(told)[4:] == (False,) * 5 + ("good", last(told).arrived_ms)


@pytest.mark.parametrize(
    ("bits", "flag"),
    [
        (nonin_oem.ARTEFACT, "artefact"),
        (nonin_oem.OUT_OF_TRACK, "out_of_track"),
        (nonin_oem.SENSOR_ALARM, "sensor_alarm"),
    ],
)
def test_trouble_is_a_flag_beside_the_number(bits: int, flag: str) -> None:
    wire, module = line()
    module.defects.trouble = bits
    values = last(wire.run(2000))
    assert values.heart_rate == 72
    raised = [name for name in Values._fields[4:9] if getattr(values, name)]
    assert raised == [flag]


def test_a_sensor_that_is_off_has_no_number_whatever_is_sent() -> None:
    wire, module = line()
    module.defects.trouble = nonin_oem.SENSOR_DISCONNECTED
    values = last(wire.run(2000))
    assert values[:5] == (None, None, None, None, True)
    module.defects.trouble, module.defects.sensor_off = 0, True
    values = last(wire.run(2000))
    assert values[:5] == (None, None, None, None, True)
    assert values.perfusion == ""
    module.defects.sensor_off = False
    assert last(wire.run(2000)).heart_rate == 72


@pytest.mark.parametrize(
    ("bits", "word"),
    [(nonin_oem.RED_PERFUSION, "low"), (nonin_oem.PERFUSION, "marginal"), (0, "")],
)
def test_perfusion_has_words(bits: int, word: str) -> None:
    wire, module = line()
    module.values = AT_REST._replace(perfusion=bits, stat2=nonin_oem.LOW_BATTERY)
    values = last(wire.run(2000))
    assert (values.perfusion, values.low_battery) == (word, True)


def test_frames_lost_and_damaged_stand_before_the_block_behind_them() -> None:
    wire, module = line()
    module.defects.flipped = {110: 1 << 20}
    module.defects.dropped = {160, 161}
    blocks = blocks_of(wire.run(5000), PULSE)
    assert [block.missing for block in blocks if block.missing] == [1, 2]
    counters = wire.host.counters
    assert (counters.checksum_errors, counters.resyncs, counters.gaps) == (1, 1, 3)


class TestFormat:
    def test_the_other_format_is_asked_to_change(self) -> None:
        wire, module = line(7, 2)
        told = wire.run(6000)
        assert wire.sent == SELECT_7
        assert module.requests == [nonin_oem.Select(7, 0)]
        [trouble] = of_kind(told, Trouble)
        assert "it sends data format 2, not 7" in str(trouble)
        assert blocks_of(told, PULSE)
        assert wire.host.refusal == ""

    def test_the_answer_is_told_with_its_round_trip(self) -> None:
        wire, module = line()
        module.defects.silent = True
        wire.run(2005)
        module.defects.silent = False
        told = of_kind(wire.run(2000), FormatAnswer)
        assert told == [FormatAnswer(True)]
        assert wire.host.counters.round_trip_ms is not None

    @pytest.mark.parametrize("defect", ["deaf", "refuses"])
    def test_a_module_that_keeps_the_other_format_is_refused(self, defect: str) -> None:
        wire, module = line(7, 2)
        setattr(module.defects, defect, True)
        told = wire.run(30_000)
        assert wire.sent == SELECT_7 * 3
        assert "it sends data format 2, not 7: set one" in wire.host.refusal
        assert blocks_of(told, PULSE) == of_kind(told, Values) == []
        assert wire.host.last_valid_ms is None

    def test_a_module_that_fell_back_is_asked_again(self) -> None:
        wire, module = line(7, 2)
        told = wire.run(6000)
        for times in range(2, 6):
            module.power_cycle(wire.now_ms)
            told = wire.run(6000)
            assert wire.sent == SELECT_7 * times
        assert blocks_of(told, PULSE)[-1].arrived_ms > 29_900
        assert wire.host.refusal == ""


class TestSilence:
    def test_a_silent_module_is_asked_three_times_and_then_listened_to(self) -> None:
        wire, module = line()
        module.defects.silent = True
        told = wire.run(20_000)
        assert wire.sent == SELECT_7 * 3
        assert len(of_kind(told, Trouble)) == 3
        assert wire.host.refusal == ""
        module.defects.silent = False
        assert of_kind(wire.run(1000), Values)

    def test_garbage_is_no_life_and_no_identity(self) -> None:
        garbage = struct.pack("<64H", *range(0, 64000, 1000))
        wire = Line(NoninOemHost(), lambda command, now_ms: garbage)
        assert of_kind(wire.run(5000), Values) == []
        assert (wire.host.last_valid_ms, wire.host.identity) == (None, None)

    def test_our_own_bytes_returned_are_no_life(self) -> None:
        wire = Line(NoninOemHost(), lambda command, now_ms: command)
        wire.run(20_000)
        assert (wire.host.last_valid_ms, wire.host.identity) == (None, None)

    def test_after_a_stop_nothing_is_sent(self) -> None:
        wire, module = line()
        module.defects.silent = True
        assert isinstance(wire.host, NoninOemHost)
        wire.host.stop()
        wire.run(10_000)
        assert wire.sent == b""
