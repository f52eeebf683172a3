"""ECP framing against the sample bytes of its reference, and against garbage. Runs on MicroPython too."""

import binascii
import gc

from firmware_bridge import ecp
from firmware_bridge.checksums import additive, crc8, crc16, crc16_by_nibbles
from firmware_bridge.errors import EncodingError
from tests.firmware_bridge.bench import raises

# what, code, content, the bytes on the wire: recorded against an independent client of the CPAR+
SAMPLES = (
    ("identify", 0x01, "", "fff10100fff2"),
    ("ping", 0x02, "", "fff10200fff2"),
    ("pong", 0x02, "01000000", "fff1020401000000fff2"),
    ("mode disabled", 0x20, "01", "fff1200101fff2"),
    ("clear", 0x21, "", "fff12100fff2"),
    (
        "waveform",
        0x10,
        "00016400999999d93200137cd3c60a00000000c0",
        "fff1101400016400999999d93200137cd3c60a00000000c0fff2",
    ),
    ("waveform reply", 0x10, "7b", "fff110017bfff2"),
    ("start", 0x11, "0100020100", "fff111050100020100fff2"),
    ("start reply", 0x11, "", "fff11100fff2"),
)


def unhex(text: str) -> bytes:
    return binascii.unhexlify(text.encode())


def test_checksums_have_their_published_check_values() -> None:
    assert crc16(b"123456789") == 0x29B1
    assert crc16_by_nibbles(b"123456789") == 0x29B1
    assert crc8(b"123456789") == 0xF4
    assert additive(b"\xff\x02\x01") == 2


def test_checksums_continue() -> None:
    assert crc16(b"456789", crc16(b"123")) == 0x29B1
    assert crc8(b"456789", crc8(b"123")) == 0xF4


def test_crc8_of_the_reference_waveform() -> None:
    """The device answers a waveform with the CRC-8 of its instruction bytes."""
    assert crc8(unhex(SAMPLES[5][2])[2:]) == 0x7B


def test_encodes_the_reference_samples() -> None:
    for what, code, content, wire in SAMPLES:
        assert ecp.encode_frame(code, unhex(content)) == unhex(wire), what


def test_decodes_the_reference_samples() -> None:
    for what, code, content, wire in SAMPLES:
        assert ecp.Decoder().feed(unhex(wire)) == [ecp.Packet(code, unhex(content), 0, 0)], what


def test_decodes_the_head_of_a_reference_status() -> None:
    head = unhex("8016001701000000 00cc0c00".replace(" ", ""))
    packets = ecp.Decoder().feed(b"\xff\xf1" + head + bytes(12) + b"\xff\xf2")
    assert [(packet.code, len(packet.content)) for packet in packets] == [(0x80, 22)]
    assert packets[0].code >= ecp.FIRST_UNSOLICITED
    assert packets[0].content[2] == 1


def test_doubles_every_mark_in_the_payload() -> None:
    assert ecp.encode_frame(0x10, b"\xff\x01\xff") == unhex("fff11003ffff01fffffff2")
    assert ecp.Decoder().feed(unhex("fff11003ffff01fffffff2")) == [ecp.Packet(0x10, b"\xff\x01\xff", 0, 0)]


def test_golden_extended_forms() -> None:
    assert ecp.encode_frame(0x10, b"\x07", 0, ecp.CHECKSUM_ADDITIVE) == unhex(
        "fff11084 01079c fff2".replace(" ", "")
    )
    assert ecp.encode_frame(0x10, b"\x07", 5) == unhex("fff11090010507fff2")
    body = unhex("1088020708")
    assert (
        ecp.encode_frame(0x10, b"\x07\x08", 0, ecp.CHECKSUM_CRC8)
        == b"\xff\xf1" + body + bytes((crc8(body),)) + b"\xff\xf2"
    )
    assert ecp.encode_frame(0x10, bytes(300))[:6] == unhex("fff110812c01")


def test_round_trip_of_every_form_and_length() -> None:
    for length in (0, 1, 127, 128, 255, 256, 1500):
        for address in (0, 1, 255):
            for checksum in (ecp.CHECKSUM_NONE, ecp.CHECKSUM_ADDITIVE, ecp.CHECKSUM_CRC8):
                gc.collect()  # a controller's heap is small, and 3 kB have to be in one piece
                content = b"\xff" * length
                frame = ecp.encode_frame(0x33, content, address, checksum)
                assert ecp.Decoder().feed(frame) == [ecp.Packet(0x33, content, address, checksum)]


def test_four_byte_length_is_understood() -> None:
    payload = unhex("108201000000") + b"\x2a"
    assert ecp.Decoder().feed(b"\xff\xf1" + payload + b"\xff\xf2") == [ecp.Packet(0x10, b"*", 0, 0)]


def test_a_wrong_checksum_is_counted_and_dropped() -> None:
    for checksum in (ecp.CHECKSUM_ADDITIVE, ecp.CHECKSUM_CRC8):
        decoder = ecp.Decoder()
        frame = bytearray(ecp.encode_frame(0x10, b"\x07\x08", 0, checksum))
        frame[5] ^= 1
        assert decoder.feed(bytes(frame)) == []
        assert (decoder.frames, decoder.checksum_errors, decoder.malformed) == (0, 1, 0)


def test_lengths_and_formats_that_contradict_themselves_are_malformed() -> None:
    wrong = ("", "10", "1001", "10010203", "1081", "108101", "10830000", "108c0000", "10a000", "1084010700ff")
    decoder = ecp.Decoder()
    for payload in wrong:
        assert decoder.feed(b"\xff\xf1" + unhex(payload).replace(b"\xff", b"\xff\xff") + b"\xff\xf2") == [], (
            payload
        )
    assert (decoder.frames, decoder.malformed) == (0, len(wrong))


def test_one_byte_at_a_time_is_the_same() -> None:
    decoder = ecp.Decoder()
    wire = b"".join(unhex(sample[3]) for sample in SAMPLES)
    packets = []
    for index in range(len(wire)):
        packets.extend(decoder.feed(wire[index : index + 1]))
    assert [packet.code for packet in packets] == [sample[1] for sample in SAMPLES]
    assert (decoder.frames, decoder.resyncs) == (len(SAMPLES), 0)


def test_a_start_inside_a_frame_begins_a_new_one() -> None:
    decoder = ecp.Decoder()
    assert decoder.feed(unhex("fff11003aa") + unhex("fff10200fff2")) == [ecp.Packet(2, b"", 0, 0)]
    assert decoder.resyncs == 1


def test_a_lost_byte_costs_one_frame() -> None:
    good = ecp.encode_frame(0x10, b"\x01\xff\x02")
    for lost in range(len(good)):
        decoder = ecp.Decoder()
        packets = decoder.feed(good[:lost] + good[lost + 1 :] + good + good)
        assert packets[-1:] == [ecp.Packet(0x10, b"\x01\xff\x02", 0, 0)], lost
        assert 1 <= len(packets) <= 2, lost


def test_an_undefined_escape_drops_the_frame() -> None:
    decoder = ecp.Decoder()
    assert decoder.feed(unhex("fff11001ff33fff2") + unhex("fff10200fff2")) == [ecp.Packet(2, b"", 0, 0)]
    assert (decoder.frames, decoder.resyncs) == (1, 1)


def test_a_run_of_garbage_is_one_resync() -> None:
    decoder = ecp.Decoder()
    assert decoder.feed(b"garbage" * 50 + b"\xff\xff\xff\xf1\x02\x00\xff\xf2") == [ecp.Packet(2, b"", 0, 0)]
    assert decoder.resyncs == 1
    decoder.feed(b"more" + unhex("fff10200fff2"))
    assert (decoder.frames, decoder.resyncs) == (2, 2)


def test_memory_is_bounded_and_the_decoder_recovers() -> None:
    decoder = ecp.Decoder(16)
    assert decoder.feed(b"\xff\xf1") == []
    for _ in range(10):  # in one piece it would need a hole of its size in the heap of a microcontroller
        assert decoder.feed(bytes(1000)) == []
    assert len(decoder._payload) == 16
    assert decoder.malformed == 1
    assert decoder.feed(unhex("fff10200fff2")) == [ecp.Packet(2, b"", 0, 0)]
    assert decoder.feed(ecp.encode_frame(0x10, bytes(14))) == [ecp.Packet(0x10, bytes(14), 0, 0)]
    assert decoder.feed(ecp.encode_frame(0x10, bytes(15))) == []


def test_what_does_not_exist_cannot_be_encoded() -> None:
    assert raises(EncodingError, ecp.encode_frame, 256)
    assert raises(EncodingError, ecp.encode_frame, -1)
    assert raises(EncodingError, ecp.encode_frame, 1, b"", 256)
    assert raises(EncodingError, ecp.encode_frame, 1, b"", 0, 3)


def test_a_refusal_is_code_zero_and_its_error() -> None:
    assert ecp.encode_nack(ecp.ERROR_LENGTH) == unhex("fff1000102fff2")
