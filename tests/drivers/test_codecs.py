"""Every codec against the shared conformance suite, each with the claim that its checksum allows."""

from typing import Any, ClassVar

from hypothesis import strategies as st

from drivers import nonin
from firmware_bridge import cuff, ecp
from tests.drivers.conformance import Checksummed, Framing, bits_of, one_flip_each

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)
PRESSURE = st.none() | st.integers(-0x7FFF, 0x7FFF)

# --- ECP ---------------------------------------------------------------------------------------------

CONTENT = st.binary(max_size=12)


def stuffed(payload: bytes) -> bytes:
    """ECP framing, written here a second time so that damaged payloads can be framed as well."""
    return b"\xff\xf1" + payload.replace(b"\xff", b"\xff\xff") + b"\xff\xf2"


class _Ecp:
    def seal(self, packet: ecp.Packet) -> bytes:
        return ecp.encode_payload(packet.code, packet.content, packet.address, packet.checksum)

    def frame(self, sealed: bytes) -> bytes:
        return stuffed(sealed)

    def decoder(self) -> ecp.Decoder:
        return ecp.Decoder()


class TestEcpShortForm(_Ecp, Framing):
    """No checksum, no claim: what matters travels under the CRC-16 of the cuff messages."""

    messages = st.builds(
        ecp.Packet, U8, st.binary(max_size=127), address=st.just(0), checksum=st.just(ecp.CHECKSUM_NONE)
    )


class TestEcpExtendedForm(_Ecp, Framing):
    """Length in one or two bytes, with or without address."""

    messages = st.builds(
        ecp.Packet, U8, st.binary(min_size=128, max_size=400), U8, st.just(ecp.CHECKSUM_CRC8)
    )


class _EcpChecksummed(_Ecp, Checksummed):
    """Code, address, content and checksum are protected; format and length say how to read the rest.

    (A damaged format byte may announce "no checksum"; the lengths contradict that unless they are damaged
    as well, so there only a single flip is certain to be caught. The test of every single flip covers it.)
    """

    def protected_bits(self, sealed: bytes) -> list[int]:
        return [*bits_of(0, 1), *bits_of(3, len(sealed))]

    def test_every_single_flip_of_format_and_length_is_caught(self) -> None:
        sealed = self.seal(ecp.Packet(0x10, b"waveform", 0, self.checksum))
        for position in bits_of(1, 3):
            self._assert_caught(sealed, [position])

    checksum: ClassVar[int]


class TestEcpAdditive(_EcpChecksummed):
    """A sum catches one flipped bit, and any burst of eight bits."""

    checksum = ecp.CHECKSUM_ADDITIVE
    messages = st.builds(ecp.Packet, U8, CONTENT, st.just(0), st.just(checksum))
    claimed_flips = 1
    claimed_burst = 8


class TestEcpCrc8(_EcpChecksummed):
    """CRC-8 with polynomial 07 has Hamming distance 4 up to 119 bits of data."""

    checksum = ecp.CHECKSUM_CRC8
    messages = st.builds(ecp.Packet, U8, CONTENT, st.just(0), st.just(checksum))
    claimed_flips = 3
    claimed_burst = 8

    def burst_bits(self, sealed: bytes) -> range:
        return bits_of(3, len(sealed))


# --- cuff messages -----------------------------------------------------------------------------------


class _CuffDecoder:
    """ECP decoder and message decoder in a row, for one direction."""

    def __init__(self, readers: dict[int, Any]) -> None:
        self._readers = readers
        self._frames = ecp.Decoder()

    def feed(self, data: bytes) -> list[Any]:
        readings = [self._read(packet) for packet in self._frames.feed(data)]
        return [reading for reading in readings if reading is not None]

    def _read(self, packet: ecp.Packet) -> Any:
        reader = self._readers.get(packet.code)
        message = None if reader is None else reader(packet)
        return None if message is None else (packet.code, message)


class _CuffMessages(Checksummed):
    """CRC-16 over code and content: distance 4 at these lengths, bursts of 16 within the content.

    The length byte is not under the CRC; the end marker contradicts it when it is damaged. The CRC itself
    travels low byte first, which keeps the claim on flips and limits the one on bursts to the content.
    """

    claimed_flips = 3
    claimed_burst = 16
    writers: ClassVar[dict[int, Any]]
    readers: ClassVar[dict[int, Any]]

    def seal(self, message: Any) -> bytes:
        code, value = message
        framed: bytes = self.writers[code](value)
        return framed[2:-2].replace(b"\xff\xff", b"\xff")

    def frame(self, sealed: bytes) -> bytes:
        return stuffed(sealed)

    def decoder(self) -> _CuffDecoder:
        return _CuffDecoder(self.readers)

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, len(sealed))

    def burst_bits(self, sealed: bytes) -> list[int]:
        return [*bits_of(0, 1), *bits_of(2, len(sealed) - 2)]

    def test_every_single_flip_on_the_wire_is_caught(self) -> None:
        """Stronger than the claim: here the markers and escapes are damaged too."""
        for message in self.samples:
            for damaged in one_flip_each(self.wire(message)):
                assert self.decoder().feed(damaged) in ([], [message])

    samples: ClassVar[list[Any]]


STATUS = st.builds(
    cuff.Status,
    U16,
    U32,
    U32,
    PRESSURE,
    PRESSURE,
    PRESSURE,
    st.integers(cuff.VENTED, cuff.LOWERING),
    U8,
    U16,
    *(U32, U32, U32, U32),
    st.sampled_from([0, 1, 2, 3, cuff.NO_LIMB]),
    *(U16, U16, U16, U16, U16),
    *(U8, U8),
)
HELLO = st.builds(
    cuff.Hello,
    U8,
    U8,
    U8,
    U8,
    U8,
    U32,
    U32,
    st.sampled_from([b"", b"0123456789abcdef", b"RV-7"]),
    st.sampled_from([b"", b"pico2 rev A"]),
)


class TestCuffMessagesToHost(_CuffMessages):
    messages = st.one_of(
        st.tuples(st.just(cuff.STATUS), STATUS),
        st.tuples(st.just(cuff.HELLO), HELLO),
        st.tuples(st.just(cuff.LEASE), st.builds(cuff.LeaseReply, U8, U16)),
        st.tuples(st.just(cuff.RELAY), st.builds(cuff.RelayReply, U8, U16)),
        st.tuples(st.just(cuff.TIGHTEN), st.builds(cuff.TightenReply, U8, U16)),
        st.tuples(st.just(cuff.SELF_TEST), st.builds(cuff.SelfTestReply, U8, PRESSURE, PRESSURE)),
        st.tuples(st.just(cuff.CLEAR_FAULTS), U8),
        st.tuples(st.just(cuff.ANNUNCIATE), U8),
    )
    writers: ClassVar = {
        cuff.STATUS: cuff.encode_status,
        cuff.HELLO: cuff.encode_hello_reply,
        cuff.LEASE: lambda reply: cuff.encode_lease_reply(*reply),
        cuff.RELAY: lambda reply: cuff.encode_relay_reply(*reply),
        cuff.TIGHTEN: lambda reply: cuff.encode_tighten_reply(*reply),
        cuff.SELF_TEST: lambda reply: cuff.encode_self_test_reply(*reply),
        cuff.CLEAR_FAULTS: cuff.encode_clear_reply,
        cuff.ANNUNCIATE: cuff.encode_annunciate_reply,
    }
    readers: ClassVar = {
        cuff.STATUS: cuff.decode_status,
        cuff.HELLO: cuff.decode_hello_reply,
        cuff.LEASE: cuff.decode_lease_reply,
        cuff.RELAY: cuff.decode_relay_reply,
        cuff.TIGHTEN: cuff.decode_tighten_reply,
        cuff.SELF_TEST: cuff.decode_self_test_reply,
        cuff.CLEAR_FAULTS: cuff.decode_clear_reply,
        cuff.ANNUNCIATE: cuff.decode_annunciate_reply,
    }
    samples: ClassVar = [
        (
            cuff.STATUS,
            cuff.Status(
                *(7, 1255, 0xFFFF00FF, 1699, None, 1700, 2, 1, 255),
                *(65535, 0, 255, 0xFFFFFFFF, 2, 3, 900, 255, 0, 0, 255, 1),
            ),
        ),
        (cuff.LEASE, cuff.LeaseReply(0, 0xFF)),
    ]


class TestCuffMessagesToDevice(_CuffMessages):
    """Here a false accept would energise."""

    messages = st.one_of(
        st.tuples(
            st.just(cuff.LEASE),
            st.builds(cuff.LeaseRequest, U16, st.integers(0, 3), st.integers(0, 0x7FFF), U16, U32, U32),
        ),
        st.tuples(st.just(cuff.RELAY), st.builds(cuff.RelayRequest, U16, U16, U32)),
        st.tuples(st.just(cuff.TIGHTEN), st.builds(cuff.TightenRequest, U16, U32)),
        st.tuples(st.just(cuff.SELF_TEST), U32),
        st.tuples(st.just(cuff.CLEAR_FAULTS), U32),
    )
    writers: ClassVar = {
        cuff.LEASE: lambda request: cuff.encode_lease_request(*request),
        cuff.RELAY: lambda request: cuff.encode_relay_request(*request),
        cuff.TIGHTEN: lambda request: cuff.encode_tighten_request(*request),
        cuff.SELF_TEST: cuff.encode_self_test_request,
        cuff.CLEAR_FAULTS: cuff.encode_clear_request,
    }
    readers: ClassVar = {
        cuff.LEASE: cuff.decode_lease_request,
        cuff.RELAY: cuff.decode_relay_request,
        cuff.TIGHTEN: cuff.decode_tighten_request,
        cuff.SELF_TEST: cuff.decode_self_test_request,
        cuff.CLEAR_FAULTS: cuff.decode_clear_request,
    }
    samples: ClassVar = [
        (cuff.LEASE, cuff.LeaseRequest(0xFF, 3, 1700, 1000, 300_000, 0xFFFFFFFF)),
        (cuff.RELAY, cuff.RelayRequest(0xFF, 1000, 0xFFFFFFFF)),
        (cuff.TIGHTEN, cuff.TightenRequest(0xFFF1, 0xF2FF)),
    ]


# --- Nonin lines -------------------------------------------------------------------------------------

INDEX = st.none() | st.integers(0, 999)
PERCENT = st.none() | st.integers(0, 100).map(lambda percent: percent * 10)
MASK = st.integers(0, 15)


class _NoninDecoder:
    """A decoder that knows its coverage, with the arrival time left out of the comparison."""

    def __init__(self) -> None:
        self._lines = nonin.LineDecoder(nonin.COVERAGE_THROUGH_LABEL)

    def feed(self, data: bytes) -> list[nonin.Reading]:
        return self._lines.feed(data, 0)


class TestNoninLines(Checksummed):
    """CRC-16/XMODEM over the text up to and including ``CKSUM=``: distance 4, bursts of 16."""

    messages = st.builds(
        nonin.Reading,
        st.tuples(PERCENT, PERCENT, PERCENT, PERCENT),
        st.tuples(INDEX, INDEX, INDEX, INDEX),
        st.sampled_from(["", "14", "&", "$", "*", "2&$*"]),
        st.just("2031-05-17T08:30:00"),
        MASK,
        MASK,
        MASK,
        st.lists(st.sampled_from(nonin.DEVICE_FAULTS), unique=True).map(
            lambda names: tuple(name for name in nonin.DEVICE_FAULTS if name in names)
        ),
        st.just(0),
    )
    claimed_flips = 3
    claimed_burst = 16

    def seal(self, reading: nonin.Reading) -> bytes:
        return nonin.encode_line(
            reading.channels,
            reading.clock,
            reading.flags,
            signal_quality=reading.signal_quality,
            pod_communication=reading.pod_communication,
            sensor_faults=reading.sensor_faults,
            device_faults=reading.device_faults,
            haemoglobin=reading.haemoglobin,
        )

    def frame(self, sealed: bytes) -> bytes:
        return sealed

    def decoder(self) -> _NoninDecoder:
        return _NoninDecoder()

    def protected_bits(self, sealed: bytes) -> range:
        return bits_of(0, sealed.index(b"CKSUM=") + 6)

    def test_any_damage_to_the_digits_is_caught(self) -> None:
        line = nonin.encode_line((650, 660, None, 700), "2031-05-17T08:30:00")
        digits = line.index(b"CKSUM=") + 6
        for place in range(digits, digits + 4):
            for value in set(range(256)) - {line[place]}:
                damaged = line[:place] + bytes((value,)) + line[place + 1 :]
                assert self.decoder().feed(damaged) == []
