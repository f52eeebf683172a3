"""The ScienceMode 2 codec: the shared suite, golden frames, the frame trap, and every layout."""

from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import sciencemode2 as wire
from firmware_bridge.checksums import crc8
from firmware_bridge.errors import EncodingError
from tests.drivers.conformance import Checksummed, bits_of, flipped, one_flip_each

U8 = st.integers(0, 0xFF)


def framed(sealed: bytes) -> bytes:
    """Header and stop byte around a checksum and an escaped body, written here a second time."""
    checksum, body = sealed[0], sealed[1:]
    return bytes((0xF0, 0x81, checksum ^ 0x55, 0x81, len(body) ^ 0x55)) + body + b"\x0f"


class _Frames(Checksummed):
    """Sealed: the checksum, then the escaped body; damage is done to both, as they stand on the wire."""

    def seal(self, packet: wire.Packet) -> bytes:
        body = wire.escape(bytes((packet.number, packet.command)) + packet.data)
        return bytes((crc8(body),)) + body

    def frame(self, sealed: bytes) -> bytes:
        return framed(sealed)

    def decoder(self) -> wire.Decoder:
        return wire.Decoder()

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))

    def burst_bits(self, sealed: bytes) -> range:
        return bits_of(1, len(sealed))


class TestShortFrames(_Frames):
    """CRC-8 with polynomial 07 has Hamming distance 4 up to 119 bits: 14 bytes of escaped body."""

    messages = st.builds(wire.Packet, U8, U8, st.binary(max_size=5))
    claimed_flips = 3
    claimed_burst = 8


class TestShortFramesWithoutEscapes(_Frames):
    """Up to 12 bytes of data that needs none."""

    plain = st.integers(0, 0x0E)
    messages = st.builds(wire.Packet, plain, plain, st.lists(plain, max_size=12).map(bytes))
    claimed_flips = 3
    claimed_burst = 8


class TestLongFrames(_Frames):
    """Beyond that, one flipped bit and bursts of 8 only: what a list of eight channels is."""

    messages = st.builds(wire.Packet, U8, U8, st.binary(min_size=13, max_size=29))
    claimed_flips = 1
    claimed_burst = 8

    def test_an_odd_number_of_flips_is_caught(self) -> None:
        sealed = self.seal(wire.Packet(3, wire.START_CHANNEL_LIST, bytes(range(32))))
        last = len(sealed) * 8
        for step in range(1, 40):
            self._assert_caught(sealed, [0, step, last - step])

    def test_two_flips_may_pass_and_are_not_claimed(self) -> None:
        sealed = self.seal(wire.Packet(3, wire.START_CHANNEL_LIST, bytes([32] * 32)))
        damaged = flipped(sealed, [8, 8 + 127])
        assert self.decoder().feed(self.frame(damaged)) != []


GOLDEN = {
    "Init": ("f0 81 47 81 56 00 01 01 0f", wire.encode_init(0)),
    "Watchdog": ("f0 81 49 81 57 00 04 0f", wire.encode_watchdog(0)),
    "InitAck": ("f0 81 14 81 56 01 02 00 0f", wire.encode_init_ack(1)),
    "Stop": ("f0 81 91 81 57 02 22 0f", wire.encode_stop(2)),
    "StopAck": (
        "f0 81 12 81 56 02 23 00 0f",
        wire.encode_ack(2, wire.STOP_CHANNEL_LIST_ACK, wire.OK),
    ),
    "InitChannelList": (
        "f0 81 e1 81 5c 00 1e 00 11 00 01 00 26 00 0f",
        wire.encode_channel_list(0, wire.ChannelList(0, 0x11, 0, 4, 40)),
    ),
    "InitChannelListAck": (
        "f0 81 c1 81 56 00 1f 00 0f",
        wire.encode_ack(0, wire.INIT_CHANNEL_LIST_ACK, wire.OK),
    ),
    "Start": (
        "f0 81 cd 81 59 01 20 00 01 2c 28 01 00 81 a5 81 5a 0f",
        wire.encode_start(
            1, (wire.ChannelPulse(wire.SINGLE, 300, 40), wire.ChannelPulse(wire.DOUBLET, 240, 15))
        ),
    ),
    "StartAck": (
        "f0 81 85 81 56 01 21 00 0f",
        wire.encode_ack(1, wire.START_CHANNEL_LIST_ACK, wire.OK),
    ),
    "checksum that looks like the stop byte": (
        "f0 81 0f 81 53 07 20 00 01 2c 28 0f",
        wire.encode_start(7, (wire.ChannelPulse(wire.SINGLE, 300, 40),)),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_frames(name: str) -> None:
    text, ours = GOLDEN[name]
    frame = bytes.fromhex(text)
    assert ours == frame
    decoder = wire.Decoder()
    (packet,) = decoder.feed(frame)
    assert wire.encode(*packet) == frame
    assert (decoder.checksum_errors, decoder.malformed, decoder.resyncs) == (0, 0, 0)


@pytest.mark.parametrize("name", GOLDEN)
def test_no_single_flip_on_the_wire_is_taken_for_another_frame(name: str) -> None:
    """Stronger than the claim: markers, escapes and the length are damaged too."""
    for damaged in one_flip_each(bytes.fromhex(GOLDEN[name][0])):
        assert wire.Decoder().feed(damaged) == []


# --- the frame trap ----------------------------------------------------------------------------------

MARKERS = (wire.START, wire.STOP, wire.ESCAPE)


def trapped() -> list[bytes]:
    """Every frame of Stop, GetStimulationMode, Watchdog and a start, under each of the 256 numbers."""
    entry = (wire.ChannelPulse(wire.SINGLE, 300, 40),)
    frames = []
    for number in range(256):
        frames += [
            wire.encode_stop(number),
            wire.encode_get_mode(number),
            wire.encode_watchdog(number),
            wire.encode_start(number, entry),
        ]
    return frames


def test_the_header_that_looks_like_markers_is_read() -> None:
    """1024 frames; some have a checksum byte that equals F0, 0F or 81. The length byte never does."""
    frames = trapped()
    assert len(frames) == 1024
    hit = {frame[2] for frame in frames} & set(MARKERS)
    assert hit == set(MARKERS)
    assert not {length ^ wire.KEY for length in range(2, 64)} & set(MARKERS)
    decoder = wire.Decoder()
    for frame in frames:
        assert [wire.encode(*packet) for packet in decoder.feed(frame)] == [frame]
    assert (decoder.frames, decoder.malformed, decoder.resyncs) == (1024, 0, 0)


def test_the_trap_byte_by_byte_and_all_in_one_go() -> None:
    frames = [frame for frame in trapped() if frame[2] in MARKERS]
    assert len(frames) >= 12
    stream = b"".join(frames)
    in_pieces, decoder = [], wire.Decoder()
    for byte in stream:
        in_pieces += decoder.feed(bytes((byte,)))
    assert in_pieces == wire.Decoder().feed(stream)
    assert [wire.encode(*packet) for packet in in_pieces] == frames


def test_the_trap_behind_a_torn_header() -> None:
    """A torn start whose next bytes read as a header does not swallow the frame behind it."""
    for frame in trapped():
        for cut in range(1, 6):
            decoder = wire.Decoder()
            decoded = decoder.feed(frame[:cut] + frame)
            assert [wire.encode(*packet) for packet in decoded] == [frame]


def test_a_whole_frame_that_is_none_hides_none() -> None:
    """Behind a torn F0 81 the checksum may read as the very length that ends at the next stop byte."""
    hiding = [frame for frame in trapped() if frame[2] ^ wire.KEY == len(frame) - 4]
    assert hiding
    for frame in hiding:
        decoder = wire.Decoder()
        assert [wire.encode(*packet) for packet in decoder.feed(frame[:2] + frame)] == [frame]
        assert decoder.checksum_errors == 1


# --- escapes -----------------------------------------------------------------------------------------


@given(body=st.binary(max_size=30))
def test_an_escaped_body_has_no_marker_but_escapes(body: bytes) -> None:
    escaped = wire.escape(body)
    assert wire.START not in escaped
    assert wire.STOP not in escaped
    assert escaped.count(wire.ESCAPE) == sum(byte in MARKERS for byte in body)


def test_an_escape_of_any_other_byte_is_accepted() -> None:
    """One third-party client escapes 55 and 0A as well."""
    body = b"\x01\x20\x81\x00\x81\x5f"
    (packet,) = wire.Decoder().feed(framed(bytes((crc8(body),)) + body))
    assert packet == wire.Packet(1, 0x20, b"\x55\x0a")


def test_a_body_that_ends_inside_an_escape_is_malformed() -> None:
    body = b"\x01\x20\x00\x81"
    decoder = wire.Decoder()
    assert decoder.feed(framed(bytes((crc8(body),)) + body)) == []
    assert decoder.malformed == 1


def test_a_body_of_one_escaped_byte_is_malformed() -> None:
    body = b"\x81\x04"
    decoder = wire.Decoder()
    assert decoder.feed(framed(bytes((crc8(body),)) + body)) == []
    assert decoder.malformed == 1


def test_the_longest_frame() -> None:
    frame = wire.encode(1, 2, bytes(61))
    assert len(frame) == wire.LONGEST_FRAME
    assert wire.Decoder().feed(frame) == [wire.Packet(1, 2, bytes(61))]
    with pytest.raises(EncodingError, match="escaped body"):
        wire.encode(1, 2, bytes(62))
    with pytest.raises(EncodingError, match="escaped body"):
        wire.encode(1, 0x81, bytes(61))


# --- layouts -----------------------------------------------------------------------------------------


def through(frame: bytes) -> wire.Packet:
    (packet,) = wire.Decoder().feed(frame)
    return packet


@given(
    channels=st.builds(
        wire.ChannelList,
        st.integers(0, 7),
        st.integers(1, 255),
        U8,
        st.integers(3, 258),
        st.just(wire.ONE_SHOT) | st.integers(3, 2050),
    )
)
def test_channel_lists_come_back(channels: wire.ChannelList) -> None:
    assert wire.decode_channel_list(through(wire.encode_channel_list(9, channels))) == channels


PULSE = st.builds(wire.ChannelPulse, st.integers(0, 2), st.integers(0, 500), st.integers(0, 130))


@given(pulses=st.lists(PULSE, min_size=1, max_size=8).map(tuple))
def test_pulses_come_back(pulses: tuple[wire.ChannelPulse, ...]) -> None:
    assert wire.decode_start(through(wire.encode_start(9, pulses))) == pulses


@given(pulse=st.builds(wire.SinglePulse, st.integers(0, 7), st.integers(0, 500), st.integers(0, 130)))
def test_a_single_pulse_comes_back(pulse: wire.SinglePulse) -> None:
    assert wire.decode_single_pulse(through(wire.encode_single_pulse(9, pulse))) == pulse


@pytest.mark.parametrize("result", [0, -1, -2, -3, -4, -5, -6, -7, -8, 127, -128])
def test_results_are_signed(result: int) -> None:
    packet = through(wire.encode_ack(1, wire.SINGLE_PULSE_ACK, result))
    assert wire.decode_result(packet, wire.SINGLE_PULSE_ACK) == result
    assert wire.decode_result(packet, wire.STOP_CHANNEL_LIST_ACK) is None
    assert wire.decode_result(through(wire.encode_error(1, result)), wire.STIMULATION_ERROR) == result
    assert wire.decode_result(through(wire.encode_init_ack(1, result)), wire.INIT_ACK) == result


def test_modes() -> None:
    assert wire.decode_mode(through(wire.encode_mode(1, 0, 2))) == wire.Mode(0, 2)
    assert wire.decode_mode(through(wire.encode_mode(1, -1, None))) == wire.Mode(-1, None)
    assert wire.decode_mode(through(wire.encode_mode(1, -1, 2))) == wire.Mode(-1, None)


class TestWrongLayouts:
    """A frame whose checksum is right and whose content is not of this protocol."""

    unreadable: ClassVar = [
        (wire.decode_version, wire.Packet(0, wire.INIT, b"")),
        (wire.decode_version, wire.Packet(0, wire.INIT, b"\x01\x01")),
        (wire.decode_unknown, wire.Packet(0, wire.UNKNOWN_COMMAND, b"")),
        (wire.decode_mode, wire.Packet(0, wire.GET_MODE_ACK, b"")),
        (wire.decode_mode, wire.Packet(0, wire.GET_MODE_ACK, b"\x00")),
        (wire.decode_mode, wire.Packet(0, wire.GET_MODE_ACK, b"\x00\x03")),
        (wire.decode_mode, wire.Packet(0, wire.GET_MODE_ACK, b"\x00\x01\x00")),
        (wire.decode_channel_list, wire.Packet(0, wire.INIT_CHANNEL_LIST, bytes(6))),
        (wire.decode_channel_list, wire.Packet(0, wire.INIT_CHANNEL_LIST, b"\x08\x01\x00\x00\x00\x26\x00")),
        (wire.decode_channel_list, wire.Packet(0, wire.INIT_CHANNEL_LIST, b"\x00\x01\x00\x00\x08\x01\x00")),
        (wire.decode_start, wire.Packet(0, wire.START_CHANNEL_LIST, b"")),
        (wire.decode_start, wire.Packet(0, wire.START_CHANNEL_LIST, bytes(5))),
        (wire.decode_start, wire.Packet(0, wire.START_CHANNEL_LIST, bytes(36))),
        (wire.decode_single_pulse, wire.Packet(0, wire.SINGLE_PULSE, bytes(3))),
    ]

    @pytest.mark.parametrize(("decode", "packet"), unreadable)
    def test_it_is_none(self, decode: object, packet: wire.Packet) -> None:
        assert callable(decode)
        assert decode(packet) is None

    def test_another_command_is_none(self) -> None:
        packet = wire.Packet(0, 99, bytes(7))
        readers = (
            *(wire.decode_version, wire.decode_unknown, wire.decode_mode),
            *(wire.decode_channel_list, wire.decode_start, wire.decode_single_pulse),
        )
        assert [reader(packet) for reader in readers] == [None] * 6


@pytest.mark.parametrize(
    "channels",
    [
        *[(8, 1, 0, 3, 40), (0, 0, 0, 3, 40), (0, 256, 0, 3, 40), (0, 1, 256, 3, 40)],
        *[(0, 1, 0, 2, 40), (0, 1, 0, 259, 40), (0, 1, 0, 3, 2), (0, 1, 0, 3, 2051), (0, 1, 0, 3, -1)],
    ],
)
def test_channel_lists_that_do_not_exist_are_refused(channels: tuple[int, ...]) -> None:
    with pytest.raises(EncodingError):
        wire.encode_channel_list(0, wire.ChannelList(*channels))


@pytest.mark.parametrize("pulse", [(3, 300, 40), (0, 501, 40), (0, -1, 40), (0, 300, 131), (0, 300, -1)])
def test_pulses_that_do_not_exist_are_refused(pulse: tuple[int, ...]) -> None:
    with pytest.raises(EncodingError):
        wire.encode_start(0, (wire.ChannelPulse(*pulse),))


def test_other_values_that_do_not_exist_are_refused() -> None:
    pulse = wire.ChannelPulse(0, 300, 40)
    with pytest.raises(EncodingError, match="number of channels"):
        wire.encode_start(0, ())
    with pytest.raises(EncodingError, match="number of channels"):
        wire.encode_start(0, (pulse,) * 9)
    with pytest.raises(EncodingError, match="channel 8"):
        wire.encode_single_pulse(0, wire.SinglePulse(8, 300, 40))
    with pytest.raises(EncodingError, match="packet number 256"):
        wire.encode_stop(256)
    with pytest.raises(EncodingError, match="command 256"):
        wire.encode(0, 256)
    with pytest.raises(EncodingError, match="result 128"):
        wire.encode_ack(0, wire.SINGLE_PULSE_ACK, 128)
