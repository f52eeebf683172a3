"""The hub's messages against the shared conformance suite: CRC-16 over code and content."""

from typing import Any, ClassVar

from hypothesis import strategies as st

from firmware_bridge import ecp, hub
from tests.drivers.conformance import Checksummed, bits_of, one_flip_each
from tests.firmware_bridge.hub_bench import HELLO, STREAMS

U8 = st.integers(0, 0xFF)
U16 = st.integers(0, 0xFFFF)
U32 = st.integers(0, 0xFFFFFFFF)


class _HubDecoder:
    """ECP decoder and message decoder in a row."""

    def __init__(self, readers: dict[int, Any]) -> None:
        self._readers = readers
        self._frames = ecp.Decoder()

    def feed(self, data: bytes) -> list[Any]:
        found = [self._read(packet) for packet in self._frames.feed(data)]
        return [one for one in found if one is not None]

    def _read(self, packet: ecp.Packet) -> Any:
        reader = self._readers.get(packet.code)
        message = None if reader is None else reader(packet)
        return None if message is None else (packet.code, message)


class _HubMessages(Checksummed):
    """CRC-16 over code and content: distance 4 at these lengths, bursts of 16 within the content.

    The length byte is not under the CRC; the end marker contradicts it when it is damaged. The CRC travels
    low byte first, which limits the claim on bursts to the content.
    """

    claimed_flips = 3
    claimed_burst = 16
    held_limit = 8192
    writers: ClassVar[dict[int, Any]]
    readers: ClassVar[dict[int, Any]]
    samples: ClassVar[list[Any]]

    def seal(self, message: Any) -> bytes:
        code, value = message
        framed: bytes = self.writers[code](value)
        return framed[2:-2].replace(b"\xff\xff", b"\xff")

    def frame(self, sealed: bytes) -> bytes:
        return b"\xff\xf1" + sealed.replace(b"\xff", b"\xff\xff") + b"\xff\xf2"

    def decoder(self) -> _HubDecoder:
        return _HubDecoder(self.readers)

    def head_bytes(self, sealed: bytes) -> int:
        """Code and length; a format byte between them in the extended form."""
        return 3 if sealed[1] & 0x80 else 2

    def protected_bits(self, sealed: bytes) -> list[int]:
        """In the extended form not its format, which may announce a checksum of ECP's own."""
        if self.head_bytes(sealed) == 3:
            return [*bits_of(0, 1), *bits_of(3, len(sealed))]
        return [*bits_of(0, len(sealed))]

    def burst_bits(self, sealed: bytes) -> list[int]:
        return [*bits_of(0, 1), *bits_of(self.head_bytes(sealed), len(sealed) - 2)]

    def test_every_single_flip_on_the_wire_is_caught(self) -> None:
        """Stronger than the claim: here the markers and escapes are damaged too."""
        for message in self.samples:
            for damaged in one_flip_each(self.wire(message)):
                assert self.decoder().feed(damaged) in ([], [message])


CHANNEL = st.builds(
    hub.Channel,
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-(1 << 31), (1 << 31) - 1),
    st.integers(-128, 127),
)
STREAM = st.builds(hub.Stream, U8, U8, U8, U8, U32, st.lists(CHANNEL, max_size=4).map(tuple))
NAME = st.sampled_from([b"", b"0123456789abcdef", b"HUB-7"])
HELLOS = st.builds(
    hub.Hello, U8, U8, U8, U8, U8, U32, U32, NAME, NAME, st.lists(STREAM, max_size=3).map(tuple)
)


@st.composite
def packets(draw: st.DrawFn) -> hub.Samples:
    layout = draw(st.integers(0, 7))
    blocks = [
        (number, draw(U16), draw(st.binary(min_size=size, max_size=size)))
        for number, size in enumerate(hub.block_bytes(stream) for stream in STREAMS)
        if layout >> number & 1
    ]
    return hub.Samples(layout, draw(U8), draw(U8), draw(U16), draw(U32), tuple(blocks))


class TestHubMessagesToHost(_HubMessages):
    messages = st.one_of(
        st.tuples(st.just(hub.SAMPLES), packets()),
        st.tuples(st.just(hub.HELLO), HELLOS),
        st.tuples(st.just(hub.START), st.builds(hub.StartReply, U8, U8)),
        st.tuples(st.just(hub.STOP), U8),
        st.tuples(st.just(hub.PING), st.builds(hub.PingReply, U16, U32)),
    )
    writers: ClassVar = {
        hub.SAMPLES: hub.encode_samples,
        hub.HELLO: hub.encode_hello_reply,
        hub.START: lambda reply: hub.encode_start_reply(*reply),
        hub.STOP: hub.encode_stop_reply,
        hub.PING: lambda reply: hub.encode_ping_reply(*reply),
    }
    readers: ClassVar = {
        hub.SAMPLES: hub.Packing(STREAMS).decode,
        hub.HELLO: hub.decode_hello_reply,
        hub.START: hub.decode_start_reply,
        hub.STOP: hub.decode_stop_reply,
        hub.PING: hub.decode_ping_reply,
    }
    samples: ClassVar = [
        (
            hub.SAMPLES,
            hub.Samples(3, 1, 255, 65535, 255, ((0, 255, b"\xff\xf2" * 8), (1, 7, b"\xff\xff\xf1"))),
        ),
        (hub.HELLO, HELLO),
        (hub.PING, hub.PingReply(0xFFF1, 0xF2FF)),
    ]


class TestHubMessagesToDevice(_HubMessages):
    messages = st.one_of(
        st.tuples(st.just(hub.START), st.builds(hub.StartRequest, U8, U32)),
        st.tuples(st.just(hub.PING), U16),
    )
    writers: ClassVar = {
        hub.START: lambda request: hub.encode_start_request(*request),
        hub.PING: hub.encode_ping_request,
    }
    readers: ClassVar = {hub.START: hub.decode_start_request, hub.PING: hub.decode_ping_request}
    samples: ClassVar = [(hub.START, hub.StartRequest(255, 0xFFFFF2FF)), (hub.PING, 0xFFF1)]
