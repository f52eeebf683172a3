"""Nonin lines beyond the shared conformance suite: golden lines, coverage learning, layout, portability."""

import binascii
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers import nonin

CLOCK = "2031-05-17T08:30:00"

# Built from the manual's layout; the checksum over the text up to and including "CKSUM=".
GOLDEN = (
    b"Ch1= 65 Ch2= 72 Ch3=--- Ch4=100 14&*|2031-05-17T08:30:00|rSO2= 65, 72,---,100|HbI=12.3,11.0,---, 9.8"
    b"|AUC=   0,   0,---,   0|REF= 66, 70,---, 90|HI_LIM=OFF,OFF,OFF,OFF|LOW_LIM= 50, 50,OFF,OFF"
    b"|ALM=LOW,MAR,OFF,HI|SIG_QUAL_ALM=0,1,0,0|POD_COMM_ALM=0,0,1,0|SNS_FLT=0,0,1,1"
    b"\\LCD_FLT=0\\LOW_BATT=1\\CRIT_BATT=0\\BATT_FLT=0\\STK_KEY=0\\SND_FLT=0\\SND_ERR=0\\EXT_MEM_ERR=1"
    b"CKSUM=67FC\r\n"
)
GOLDEN_READING = nonin.Reading(
    channels=(650, 720, None, 1000),
    haemoglobin=(123, 110, None, 98),
    flags="14&*",
    clock=CLOCK,
    signal_quality=0b0010,
    pod_communication=0b0100,
    sensor_faults=0b1100,
    device_faults=("LOW_BATT", "EXT_MEM_ERR"),
    arrived_ms=1000,
)


def line(percent: int = 65, coverage: int = nonin.COVERAGE_THROUGH_LABEL) -> bytes:
    return nonin.encode_line((percent * 10, None, 0, 1000), CLOCK, coverage=coverage)


def resealed(text: bytes) -> bytes:
    """A line with this text before its label and a right checksum, by an independent CRC."""
    covered = text + b"CKSUM="
    return covered + b"%04X\r\n" % binascii.crc_hqx(covered, 0)


def locked() -> nonin.LineDecoder:
    return nonin.LineDecoder(nonin.COVERAGE_THROUGH_LABEL)


def test_the_golden_line_reads_as_the_manual_says() -> None:
    assert locked().feed(GOLDEN, 1000) == [GOLDEN_READING]


def test_the_encoder_keeps_to_the_manual() -> None:
    sent = nonin.encode_line(
        (650, 724, None, 1000), CLOCK, "14&*", signal_quality=2, device_faults=("SND_ERR",)
    )
    assert sent.startswith(
        b"Ch1= 65 Ch2= 72 Ch3=--- Ch4=100 14&*|2031-05-17T08:30:00|rSO2= 65, 72,---,100|HbI="
    )
    assert b"|SIG_QUAL_ALM=0,1,0,0|POD_COMM_ALM=0,0,0,0|SNS_FLT=0,0,0,0\\LCD_FLT=0\\" in sent
    assert b"\\SND_ERR=1\\EXT_MEM_ERR=0CKSUM=" in sent
    assert sent.endswith(b"\r\n")
    assert 250 <= len(sent) <= 370


@pytest.mark.parametrize(
    ("text", "tenths"),
    [
        (b"12.3,11.0, 0.0,99.9", (123, 110, 0, 999)),
        (b"---,--.-,    ,9.8", (None, None, None, 98)),
        (b"123.4,12.34,12,12.", (None, None, None, None)),
        (b"-1.0,1e.1,.5,1.x", (None, None, None, None)),
        (b"12.3,11.0,10.0", (None, None, None, None)),
        (b"", (None, None, None, None)),
    ],
)
def test_a_haemoglobin_index_that_is_none_costs_no_line_its_saturation(
    text: bytes, tenths: tuple[int | None, ...]
) -> None:
    before, _, after = GOLDEN.partition(b"12.3,11.0,---, 9.8")
    [reading] = locked().feed(resealed((before + text + after).partition(b"CKSUM=")[0]), 1000)
    assert (reading.channels, reading.haemoglobin) == (GOLDEN_READING.channels, tenths)


def test_a_line_without_a_haemoglobin_index_has_none() -> None:
    text = GOLDEN.partition(b"CKSUM=")[0].replace(b"|HbI=12.3,11.0,---, 9.8", b"")
    [reading] = locked().feed(resealed(text), 1000)
    assert reading.haemoglobin == (None, None, None, None)


def test_what_the_encoder_says_of_haemoglobin_is_read_back() -> None:
    sent = nonin.encode_line((650, None, None, None), CLOCK, haemoglobin=(0, 98, None, 999))
    assert b"|HbI= 0.0, 9.8,---,99.9|" in sent
    assert locked().feed(sent, 0)[0].haemoglobin == (0, 98, None, 999)


def test_the_checksum_is_xmodem() -> None:
    sent = line()
    label = sent.index(b"CKSUM=")
    assert int(sent[label + 6 : label + 10], 16) == binascii.crc_hqx(sent[: label + 6], 0)


@pytest.mark.parametrize(
    "bad",
    [
        {"channels": (650, 650, 650)},
        {"channels": (650, 650, 650, 1001)},
        {"channels": (650, 650, 650, -1)},
        {"haemoglobin": (120, 120, 120)},
        {"haemoglobin": (120, 120, 120, 1000)},
        {"haemoglobin": (120, 120, 120, -1)},
        {"clock": "31-05-17 08:30:00"},
        {"flags": "|"},
        {"coverage": 7},
    ],
)
def test_the_encoder_refuses_what_the_layout_cannot_carry(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"channels|StO2|haemoglobin|clock|flags|coverage"):
        nonin.encode_line(**{"channels": (650, 650, 650, 650), "clock": CLOCK, **bad})


class TestLearning:
    @pytest.mark.parametrize("coverage", nonin.COVERAGES)
    def test_locks_onto_the_only_end_that_fits_five_lines_in_a_row(self, coverage: int) -> None:
        decoder = nonin.LineDecoder()
        for count in range(4):
            assert decoder.feed(line(60 + count, coverage), count * 1000) == []
            assert decoder.coverage is None
        assert decoder.learning[coverage] == 4
        [reading] = decoder.feed(line(64, coverage), 4000)
        assert reading.channels[0] == 640
        assert decoder.coverage == coverage
        assert (decoder.learning_lines, decoder.readings, decoder.last_valid_ms) == (4, 1, 4000)

    def test_a_line_that_fits_nothing_starts_the_count_again(self) -> None:
        decoder = nonin.LineDecoder()
        damaged = line().replace(b"Ch1= 65", b"Ch1= 66")
        stream = [line()] * 4 + [damaged] + [line()] * 4
        assert [reading for sent in stream for reading in decoder.feed(sent, 0)] == []
        assert decoder.feed(line(), 0) != []

    def test_a_line_of_another_kind_starts_the_count_again(self) -> None:
        decoder = nonin.LineDecoder()
        decoder.feed(line() * 4 + b"NONIN MEDICAL\r\n", 0)
        assert decoder.feed(line() * 4, 0) == []
        assert decoder.malformed == 1
        assert len(decoder.feed(line(), 0)) == 1

    def test_a_device_that_fits_no_end_is_never_believed(self) -> None:
        decoder = nonin.LineDecoder()
        sent = line()
        wrong = sent[:-6] + b"%04X\r\n" % (int(sent[-6:-2], 16) ^ 0x5555)
        assert decoder.feed(wrong * 50, 0) == []
        assert (decoder.coverage, decoder.learning_lines, decoder.last_valid_ms) == (None, 50, None)

    def test_two_ends_that_both_fit_do_not_decide(self) -> None:
        """Found by search: lines whose checksum is the same with and without their last character."""
        decoder = nonin.LineDecoder()
        sent = _ambiguous_line()
        assert decoder.feed(sent * 6, 0) == []
        assert sorted(decoder.learning.values())[-2:] == [6, 6]
        decoder.feed(line(coverage=0), 0)
        assert decoder.coverage == 0

    def test_once_locked_it_stays(self) -> None:
        decoder = locked()
        assert decoder.feed(line(coverage=0) * 6, 0) == []
        assert decoder.crc_errors == 6
        assert decoder.coverage == nonin.COVERAGE_THROUGH_LABEL

    def test_a_coverage_that_does_not_exist_is_refused(self) -> None:
        with pytest.raises(ValueError, match="coverage 3 is not one of"):
            nonin.LineDecoder(3)


def _ambiguous_line() -> bytes:
    """A line for which the ends 0 and -1 give the same checksum: CRC state and last byte cancel out."""
    body = line()[: line().index(b"CKSUM=")]
    for extra in range(1 << 20):
        text = body + b"|X=%05X" % extra
        crc = binascii.crc_hqx(text[:-1], 0)
        if binascii.crc_hqx(text, 0) == crc:
            return text + b"CKSUM=%04X\r\n" % crc
    raise AssertionError("no such line within the search")


class TestLayout:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b"Ch2= 72", b"Ch2=101"),
            (b"Ch2= 72", b"Ch2= -1"),
            (b"Ch2= 72", b"Ch2=   "),
            (b"Ch2= 72", b"Ch5= 72"),
            (b"Ch3=--- ", b"Ch3=---,"),
            (b"2031-05-17T", b"2031/05/17 "),
            (b"SIG_QUAL_ALM=0,1,0,0", b"SIG_QUAL_ALM=0,1,0"),
            (b"SIG_QUAL_ALM=0,1,0,0", b"SIG_QUAL_ALM=0,2,0,0"),
            (b"|SNS_FLT=0,0,1,1", b""),
            (b"LOW_BATT=1", b"LOW_BATT="),
            (b"|", b""),
            (b"HbI=12.3", b"HbI=\xff2.3"),
        ],
    )
    def test_a_right_checksum_over_another_layout_is_counted_not_guessed(
        self, old: bytes, new: bytes
    ) -> None:
        text = GOLDEN[: GOLDEN.index(b"CKSUM=")].replace(old, new)
        decoder = locked()
        assert decoder.feed(resealed(text), 0) == []
        assert (decoder.layout_errors, decoder.crc_errors, decoder.last_valid_ms) == (1, 0, None)

    def test_units_that_we_do_not_know_are_passed_over(self) -> None:
        text = GOLDEN[: GOLDEN.index(b"CKSUM=")].replace(b"|REF=", b"|NEW=1,2|REF=")
        assert locked().feed(resealed(text), 1000) == [GOLDEN_READING]


class TestLines:
    def test_a_damaged_line_is_dropped_and_counted(self) -> None:
        decoder = locked()
        assert decoder.feed(line().replace(b"Ch1= 65", b"Ch1= 95"), 0) == []
        assert (decoder.crc_errors, decoder.last_valid_ms) == (1, None)

    @pytest.mark.parametrize("tail", [b"CKSUM=12345\r\n", b"CKSUM=\r\n", b"CKSUM=ab1d\r\n", b"\r\n"])
    def test_a_line_without_a_whole_checksum_is_malformed(self, tail: bytes) -> None:
        decoder = locked()
        body = line()[: line().index(b"CKSUM=")]
        assert decoder.feed(body + tail, 0) == []
        assert decoder.malformed == 1

    def test_a_line_without_its_end_costs_only_itself(self) -> None:
        assert len(locked().feed(line(60)[:100] + line(61), 0)) == 1

    def test_empty_lines_are_nothing(self) -> None:
        decoder = locked()
        assert decoder.feed(b"\r\n\n \r\n", 0) == []
        assert decoder.malformed == 0

    def test_a_flood_without_line_end_costs_only_itself(self) -> None:
        decoder = locked()
        assert decoder.feed(b"x" * 5000, 0) == []
        assert len(decoder.feed(line(), 7)) == 1
        assert decoder.last_valid_ms == 7


@pytest.mark.micropython
def test_the_codec_runs_under_micropython() -> None:
    micropython = shutil.which("micropython", path=str(Path(sys.executable).parent)) or shutil.which(
        "micropython"
    )
    if micropython is None:
        pytest.skip("no micropython on this machine (its wheels are x86-64 only)")
    program = (
        "from drivers import nonin\n"
        f"line = nonin.encode_line((650, None, 0, 1000), '{CLOCK}', '2*', sensor_faults=8)\n"
        "decoder = nonin.LineDecoder()\n"
        "for at in range(5): readings = decoder.feed(line, at)\n"
        "assert decoder.coverage == 6 and len(readings) == 1\n"
        "print(line, readings[0].channels, readings[0].flags, readings[0].sensor_faults)\n"
    )
    ran = subprocess.run(
        [micropython, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    expected = nonin.encode_line((650, None, 0, 1000), CLOCK, "2*", sensor_faults=8)
    assert ran.stderr == ""
    assert ran.stdout == f"{expected!r} (650, None, 0, 1000) 2* 8\n"
