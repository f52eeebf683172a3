"""The messages of our cuff controller: golden bytes, both ends, damage. Runs on MicroPython too."""

import binascii

from firmware_bridge import cuff, ecp
from firmware_bridge.checksums import crc16
from firmware_bridge.errors import EncodingError
from firmware_bridge.mcu import limits
from tests.firmware_bridge.bench import raises

HELLO = cuff.Hello(1, 2, 3, 4, 5, 0xDEADBEEF, 0x01020304, b"SN-7", b"bench")
STATUS = cuff.Status(
    *(7, 123456, 0x01020304, 1702, None, 1700, 2, 9, 250),
    *(42000, 1, 2, 65536, 3, 513, 480, 258, 36, 32, 255, 1),
)

# Worked out by hand from the table of messages; the last two bytes of a guarded content are its CRC-16.
GOLDEN_CONTENTS = (
    (cuff.encode_hello_request(1, 1), 0x40, "0101", False),
    (
        cuff.encode_hello_reply(HELLO),
        0x40,
        "0102030405efbeadde04030201534e2d37" + "00" * 12 + "62656e6368" + "00" * 19,
        True,
    ),
    (cuff.encode_tighten_request(2500, 0x01020304), 0x41, "c40904030201", True),
    (cuff.encode_tighten_reply(3, 2500), 0x41, "03c409", True),
    (
        cuff.encode_lease_request(513, 3, 1700, 500, 300000, 0x01020304),
        0x42,
        "010203a406f401e093040004030201",
        True,
    ),
    (cuff.encode_lease_reply(4, 513), 0x42, "040102", True),
    (cuff.encode_relay_request(513, 500, 0x01020304), 0x47, "0102f40104030201", True),
    (cuff.encode_relay_reply(12, 513), 0x47, "0c0102", True),
    (cuff.encode_vent(), 0x43, "", False),
    (cuff.encode_relay_open(), 0x48, "", False),
    (cuff.encode_self_test_request(0x01020304), 0x44, "04030201", True),
    (cuff.encode_self_test_reply(8, -31, None), 0x44, "08e1ff0080", True),
    (cuff.encode_clear_request(0x01020304), 0x45, "04030201", True),
    (cuff.encode_clear_reply(0), 0x45, "00", True),
    (cuff.encode_annunciate_request(2), 0x46, "02", True),
    (cuff.encode_annunciate_reply(0), 0x46, "00", True),
    (
        cuff.encode_status(STATUS),
        0xC0,
        "070040e2010004030201a6060080a4060209fa00"
        + "10a400000100000002000000000001000301"
        + "02e001020124002000ff01",
        True,
    ),
)


def decode(frame: bytes) -> ecp.Packet:
    packets = ecp.Decoder().feed(frame)
    assert len(packets) == 1
    return packets[0]


def decoders():
    return (
        cuff.decode_hello_request,
        cuff.decode_hello_reply,
        cuff.decode_tighten_request,
        cuff.decode_tighten_reply,
        cuff.decode_lease_request,
        cuff.decode_lease_reply,
        cuff.decode_relay_request,
        cuff.decode_relay_reply,
        cuff.decode_self_test_request,
        cuff.decode_self_test_reply,
        cuff.decode_clear_request,
        cuff.decode_clear_reply,
        cuff.decode_annunciate_request,
        cuff.decode_annunciate_reply,
        cuff.decode_status,
        cuff.decode_nack,
    )


def test_golden_contents() -> None:
    for frame, code, content, guarded in GOLDEN_CONTENTS:
        packet = decode(frame)
        body = packet.content[:-2] if guarded else packet.content
        assert (packet.code, binascii.hexlify(body)) == (code, content.encode())
        if guarded:
            stored = packet.content[-2] | packet.content[-1] << 8
            assert stored == crc16(bytes((code,)) + body)


def test_a_whole_lease_frame() -> None:
    frame = cuff.encode_lease_request(1, 2, 1700, 500, 6000, 0x01020304)
    assert binascii.hexlify(frame) == b"fff14211010002a406f4017017000004030201" + b"22bc" + b"fff2"


def test_round_trips() -> None:
    assert cuff.decode_hello_request(decode(cuff.encode_hello_request(1, 3))) == cuff.HelloRequest(1, 3)
    assert cuff.decode_hello_reply(decode(cuff.encode_hello_reply(HELLO))) == HELLO
    assert cuff.decode_tighten_request(decode(cuff.encode_tighten_request(2000, 9))) == (2000, 9)
    assert cuff.decode_tighten_reply(decode(cuff.encode_tighten_reply(0, 2000))) == (0, 2000)
    lease = cuff.LeaseRequest(65535, 3, -1, 65535, 4294967295, 4294967295)
    assert cuff.decode_lease_request(decode(cuff.encode_lease_request(*lease))) == lease
    assert cuff.decode_lease_reply(decode(cuff.encode_lease_reply(6, 65535))) == (6, 65535)
    assert cuff.decode_self_test_request(decode(cuff.encode_self_test_request(0))) == 0
    assert cuff.decode_self_test_reply(decode(cuff.encode_self_test_reply(0, -5, None))) == (0, -5, None)
    assert cuff.decode_clear_request(decode(cuff.encode_clear_request(77))) == 77
    assert cuff.decode_clear_reply(decode(cuff.encode_clear_reply(3))) == 3
    assert cuff.decode_annunciate_request(decode(cuff.encode_annunciate_request(0))) == 0
    assert cuff.decode_annunciate_reply(decode(cuff.encode_annunciate_reply(0))) == 0
    assert cuff.decode_status(decode(cuff.encode_status(STATUS))) == STATUS
    relay = cuff.RelayRequest(65535, 65535, 4294967295)
    assert cuff.decode_relay_request(decode(cuff.encode_relay_request(*relay))) == relay
    assert cuff.decode_relay_reply(decode(cuff.encode_relay_reply(12, 65535))) == (12, 65535)
    assert cuff.decode_vent(decode(cuff.encode_vent()))
    assert cuff.decode_relay_open(decode(cuff.encode_relay_open()))
    assert cuff.decode_nack(decode(ecp.encode_nack(0x20))) == 0x20


def test_texts_may_fill_their_fields() -> None:
    full = cuff.Hello(1, 1, 0, 1, 0, 0, 0, b"s" * 16, b"b" * 24)
    assert cuff.decode_hello_reply(decode(cuff.encode_hello_reply(full))) == full


def test_a_message_is_taken_by_its_own_decoder_only() -> None:
    for frame, code, _, _ in GOLDEN_CONTENTS:
        packet = decode(frame)
        taken = [decoder for decoder in decoders() if decoder(packet) is not None]
        taken += [order for order in (cuff.decode_vent, cuff.decode_relay_open) if order(packet)]
        # an annunciate request and its reply have the same shape
        assert len(taken) <= 1 or (code == cuff.ANNUNCIATE and len(taken) == 2), code


def test_a_guarded_message_with_one_wrong_bit_is_nothing() -> None:
    for frame, code, _, guarded in GOLDEN_CONTENTS:
        packet = decode(frame)
        for bit in range(len(packet.content) * 8 if guarded else 0):
            content = bytearray(packet.content)
            content[bit // 8] ^= 1 << bit % 8
            damaged = ecp.Packet(code, bytes(content), 0, 0)
            assert [decoder for decoder in decoders() if decoder(damaged) is not None] == []
            assert not cuff.crc_holds(damaged)


def test_a_crc_covers_the_code() -> None:
    packet = decode(cuff.encode_self_test_request(5))
    assert cuff.decode_clear_request(ecp.Packet(cuff.CLEAR_FAULTS, packet.content, 0, 0)) is None


def test_short_and_long_contents_are_nothing() -> None:
    for frame, code, _, _ in GOLDEN_CONTENTS:
        content = decode(frame).content
        for wrong in (content[:-1], content + b"\x00"):
            damaged = ecp.Packet(code, wrong, 0, 0)
            if code in (cuff.VENT, cuff.RELAY_OPEN):
                assert (cuff.decode_vent(damaged) or cuff.decode_relay_open(damaged)) == (wrong == b"")
            else:
                assert [decoder for decoder in decoders() if decoder(damaged) is not None] == []


def test_values_that_do_not_exist_are_nothing() -> None:
    assert cuff.decode_annunciate_request(decode(cuff.encode_annunciate_request(4))) is None
    for limb in (4, 254):
        lease = cuff.encode_lease_request(1, limb, 1700, 500, 6000, 1)
        assert cuff.decode_lease_request(decode(lease)) is None
    for index, value in ((6, 4), (13, 4), (13, 254)):
        wrong = list(STATUS)
        wrong[index] = value
        assert cuff.decode_status(decode(cuff.encode_status(cuff.Status(*wrong)))) is None
    nowhere = list(STATUS)
    nowhere[13] = cuff.NO_LIMB
    assert cuff.decode_status(decode(cuff.encode_status(cuff.Status(*nowhere)))).limb == cuff.NO_LIMB


def test_every_request_length_is_that_of_its_encoder() -> None:
    requests = (
        cuff.encode_hello_request(),
        cuff.encode_tighten_request(1, 1),
        cuff.encode_lease_request(1, 1, 1, 1, 1, 1),
        cuff.encode_relay_request(1, 1, 1),
        cuff.encode_vent(),
        cuff.encode_relay_open(),
        cuff.encode_self_test_request(1),
        cuff.encode_clear_request(1),
        cuff.encode_annunciate_request(1),
    )
    for frame in requests:
        packet = decode(frame)
        assert cuff.request_length(packet.code) == len(packet.content)
    assert cuff.request_length(cuff.STATUS) is None


def test_values_that_do_not_fit_are_refused_not_cut() -> None:
    assert raises(EncodingError, cuff.encode_lease_request, 65536, 0, 0, 0, 0, 0)
    assert raises(EncodingError, cuff.encode_lease_request, 0, 256, 0, 0, 0, 0)
    assert raises(EncodingError, cuff.encode_lease_request, 0, 0, 32768, 0, 0, 0)
    assert raises(EncodingError, cuff.encode_lease_request, 0, 0, 0, -1, 0, 0)
    assert raises(EncodingError, cuff.encode_lease_request, 0, 0, 0, 0, 0, 1 << 32)
    assert raises(EncodingError, cuff.encode_relay_request, 0, 65536, 0)
    assert raises(EncodingError, cuff.encode_annunciate_request, 256)
    assert raises(EncodingError, cuff.encode_hello_reply, cuff.Hello(1, 1, 0, 1, 0, 0, 0, b"s" * 17, b""))
    assert raises(EncodingError, cuff.encode_hello_reply, cuff.Hello(1, 1, 0, 1, 0, 0, 0, b"", b"b" * 25))


def test_the_limits_crc_runs_over_lines_in_order() -> None:
    assert cuff.limits_crc((("a", 1), ("b", 20))) == binascii.crc32(b"a=1\nb=20\n")
    assert cuff.limits_crc((("b", 20), ("a", 1))) != binascii.crc32(b"a=1\nb=20\n")


def test_the_built_in_limits_are_those_agreed() -> None:
    """Any change here is a change of what both sides must agree on."""
    assert tuple(name for name, _ in limits.LIMITS) == cuff.LIMIT_NAMES
    values = [value for _, value in limits.LIMITS]
    assert values == [
        3000,
        3100,
        100,
        3200,
        150,
        300000,
        330000,
        300000,
        20000,
        1000,
        200,
        1000,
        100,
        200,
        10000,
        30,
        70000,
        1200000,
        60000,
        5000,
        50,
        500,
        1000,
        100,
        200,
        200,
        20,
        5000,
    ]
    assert cuff.limits_crc(limits.LIMITS) == 0xECE39CC2
