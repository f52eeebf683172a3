"""The hub's messages, byte by byte. Runs on MicroPython too."""

import binascii

from firmware_bridge import checksums, ecp, hub
from firmware_bridge.errors import EncodingError
from tests.firmware_bridge.bench import raises
from tests.firmware_bridge.hub_bench import CELL, EMG, FORCE, HELLO, NONCE, PPG, STREAMS

# what, the frame, its bytes: assembled by hand from docs/devices/hub.md, the CRC by binascii.crc_hqx
GOLDEN = (
    ("hello request", hub.encode_hello_request(), "fff150020101fff2"),
    ("start of streams 0 and 2", hub.encode_start_request(5, 0x0BADF00D), "fff15107050df0ad0bee18fff2"),
    ("start reply", hub.encode_start_reply(hub.OK, 5), "fff151040005c7f5fff2"),
    ("stop", hub.encode_stop_request(), "fff15200fff2"),
    ("stop reply", hub.encode_stop_reply(hub.OK), "fff1520300d275fff2"),
    ("ping", hub.encode_ping_request(0x01FF), "fff15304ffff01dcd8fff2"),
    ("ping reply", hub.encode_ping_reply(0x01FF, 1000000), "fff15308ffff0140420f005a30fff2"),
)


def unhex(text: str) -> bytes:
    return binascii.unhexlify(text.encode())


def packet_of(frame: bytes) -> ecp.Packet:
    packets = ecp.Decoder().feed(frame)
    assert len(packets) == 1, frame
    return packets[0]


def samples(layout: int = 3, counter: int = 7, index: int = 65535) -> hub.Samples:
    blocks = []
    for number in range(3):
        if layout >> number & 1:
            blocks.append((number, index, bytes(range(hub.block_bytes(STREAMS[number])))))
    return hub.Samples(layout, hub.LOST, 2, counter, 123456, tuple(blocks))


def test_golden_frames() -> None:
    for what, frame, wire in GOLDEN:
        assert frame == unhex(wire), what + " " + binascii.hexlify(frame).decode()


def test_golden_samples() -> None:
    """Layout, flags, electrodes, counter, time; index and block of each stream; CRC."""
    parts = ["fff1", "d022", "03", "10", "02", "0700", "40e20100"]
    parts += ["ffffffff", "000102030405060708090a0b0c0d0e0f", "ffffffff", "000102", "7001", "fff2"]
    expected = "".join(parts)
    frame = hub.encode_samples(samples())
    assert frame == unhex(expected), binascii.hexlify(frame)


def test_golden_hello_reply() -> None:
    """One stream, so that the bytes can be read: an HX711 at 80 Hz, 117 uN a count, zero at -8192."""
    hello = hub.Hello(1, 2, 0, 1, 3, 0x11223344, 12500, b"HUB-7", b"rp2040", (FORCE,))
    head = "010200010344332211d4300000" + "4855422d37" + "00" * 11 + "727032303430" + "00" * 18
    stream = "0102020301803801000100e0ffff08c90100f7"
    frame = hub.encode_hello_reply(hello)
    plain = frame.replace(b"\xff\xff", b"\xff")
    assert binascii.hexlify(plain[4:-4]).decode() == head + stream
    assert hub.decode_hello_reply(packet_of(frame)) == hello


def test_a_long_hello_travels_in_the_extended_form() -> None:
    channels = (CELL,) * 8
    streams = (EMG, FORCE, hub.Stream(hub.PPG, 0, 4, 1, 500000, channels))
    hello = hub.Hello(1, 1, 9, 8, 7, 0xFFFFFFFF, 2000, b"0123456789abcdef", b"b" * 24, streams)
    frame = hub.encode_hello_reply(hello)
    assert len(frame) > 140
    assert hub.decode_hello_reply(packet_of(frame)) == hello


def test_every_message_comes_back() -> None:
    assert hub.decode_hello_request(packet_of(hub.encode_hello_request(1, 3))) == (1, 3)
    assert hub.decode_hello_reply(packet_of(hub.encode_hello_reply(HELLO))) == HELLO
    assert hub.decode_start_request(packet_of(hub.encode_start_request(3, NONCE))) == (3, NONCE)
    assert hub.decode_start_reply(packet_of(hub.encode_start_reply(1, 2))) == (1, 2)
    assert hub.decode_stop_request(packet_of(hub.encode_stop_request()))
    assert hub.decode_stop_reply(packet_of(hub.encode_stop_reply(0))) == 0
    assert hub.decode_ping_request(packet_of(hub.encode_ping_request(65535))) == 65535
    assert hub.decode_ping_reply(packet_of(hub.encode_ping_reply(1, 1 << 29))) == (1, 1 << 29)
    packing = hub.Packing(STREAMS)
    for layout in range(8):
        assert packing.decode(packet_of(hub.encode_samples(samples(layout)))) == samples(layout)


def test_a_reply_is_no_request_and_the_other_way_round() -> None:
    """So a line that echoes what we said is no answer."""
    for _, frame, _ in GOLDEN:
        packet = packet_of(frame)
        readers = (
            hub.decode_hello_request,
            hub.decode_start_request,
            hub.decode_stop_request,
            hub.decode_ping_request,
        )
        requests = [reader for reader in readers if reader(packet)]
        readers = (hub.decode_hello_reply, hub.decode_start_reply, hub.decode_ping_reply)
        replies = [reader for reader in readers if reader(packet)]
        assert len(requests) + len(replies) + (hub.decode_stop_reply(packet) is not None) == 1


def test_samples_of_another_layout_length_or_crc_are_none() -> None:
    packing = hub.Packing((EMG, FORCE))
    good = packet_of(hub.encode_samples(samples()))
    assert packing.decode(good) is not None
    assert packing.decode(packet_of(hub.encode_samples(samples(7)))) is None
    assert packing.decode(ecp.Packet(good.code, good.content[:-3] + good.content[-2:], 0, 0)) is None
    assert packing.decode(ecp.Packet(good.code, b"", 0, 0)) is None
    assert packing.decode(ecp.Packet(0xD1, good.content, 0, 0)) is None
    for at in range(len(good.content)):
        damaged = bytearray(good.content)
        damaged[at] ^= 0x10
        assert packing.decode(ecp.Packet(good.code, bytes(damaged), 0, 0)) is None, at


def test_a_hello_whose_streams_do_not_fill_it_is_none() -> None:
    content = packet_of(hub.encode_hello_reply(HELLO)).content
    for end in range(len(content) - 2):
        body = content[:end]
        frame = hub.fields.sealed_frame(hub.HELLO, body)
        assert hub.decode_hello_reply(packet_of(frame)) is None, end
    longer = hub.fields.sealed_frame(hub.HELLO, content[:-2] + b"\x00")
    assert hub.decode_hello_reply(packet_of(longer)) is None


def test_what_does_not_fit_cannot_be_encoded() -> None:
    assert raises(EncodingError, hub.encode_start_request, 256, NONCE)
    assert raises(EncodingError, hub.encode_ping_request, 65536)
    assert raises(EncodingError, hub.encode_samples, hub.Samples(0, 256, 0, 0, 0, ()))
    far = hub.Stream(hub.FORCE, 2, 3, 1, 80000, (hub.Channel(0, 1, 128),))
    hello = hub.Hello(1, 1, 0, 1, 0, 0, 2000, b"", b"", (far,))
    assert raises(EncodingError, hub.encode_hello_reply, hello)


def stream(
    kind: int = hub.FORCE,
    unit: int = 2,
    sample_bytes: int = 3,
    frames: int = 1,
    rate_mhz: int = 80000,
    channels: tuple[hub.Channel, ...] = (CELL,),
) -> hub.Stream:
    return hub.Stream(kind, unit, sample_bytes, frames, rate_mhz, channels)


def test_a_description_that_can_be_relied_on() -> None:
    assert hub.contradiction(2000, STREAMS) == ""
    assert hub.contradiction(12500, (FORCE,)) == ""
    assert hub.contradiction(2000, (stream(unit=0), PPG)) == ""


def test_descriptions_that_contradict_themselves() -> None:
    wrong = (
        (499, STREAMS, "a packet every 499 us"),
        (1000001, STREAMS, "a packet every 1000001 us"),
        (2000, (), "0 streams"),
        (2000, (EMG, FORCE, PPG, EMG, FORCE), "5 streams"),
        (2000, (FORCE, FORCE), "force: described twice"),
        (2000, (stream(kind=5),), "stream: of the unknown kind 5"),
        (2000, (stream(unit=1),), "force: in the unit 1"),
        (2000, (stream(unit=4),), "force: in the unit 4"),
        (2000, (stream(sample_bytes=1),), "force: blocks of 1 frames of 1 bytes"),
        (2000, (stream(sample_bytes=5),), "force: blocks of 1 frames of 5 bytes"),
        (2000, (stream(frames=0),), "force: blocks of 0 frames of 3 bytes"),
        (2000, (stream(frames=65),), "force: blocks of 65 frames of 3 bytes"),
        (2000, (stream(channels=()),), "force: 0 channels"),
        (2000, (stream(channels=(CELL,) * 17),), "force: 17 channels"),
        (2000, (stream(hub.EMG, 1, channels=(CELL,) * 9),), "emg: 9 channels"),
        (2000, (stream(channels=(hub.Channel(0, 0, 0),)),), "force: a scale of 0 x 10**0"),
        (2000, (stream(channels=(hub.Channel(0, 1, 13),)),), "force: a scale of 1 x 10**13"),
        (2000, (stream(rate_mhz=0),), "force: 0 mHz in blocks of 1 every 2000 us"),
        (12500, (stream(rate_mhz=80001),), "force: 80001 mHz in blocks of 1 every 12500 us"),
    )
    for period_us, streams, complaint in wrong:
        assert hub.contradiction(period_us, streams) == complaint, complaint


def test_the_crc_in_use_is_the_crc_by_nibbles() -> None:
    """On MicroPython the one in use is machine code of its own."""
    data = bytes([(37 * at + 11) & 0xFF for at in range(300)])
    for length in (0, 1, 2, 9, 90, 300):
        for start in (0xFFFF, 0, 0x1234):
            piece = data[:length]
            assert checksums.crc16(piece, start) == checksums.crc16_by_nibbles(piece, start)
    assert checksums.crc16(bytearray(data)) == checksums.crc16(memoryview(data))
