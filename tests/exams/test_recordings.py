"""Readers: the real files of three devices, and every way in which a file can be wrong."""

import math

import pytest

from gateway.exams.errors import RecordingUnusable
from gateway.exams.recording import Gap, Mark, with_saturation_of_haemoglobin
from gateway.exams.recordings import parse, read
from tests.recordings import recording

OXYSOFT = """OxySoft export of:\tmade.oxy3
Export date:\t2024-01-01
Datafile sample rate:\t50.00\tHz
Export sample rate:\t10.00\tHz
Optode distance (mm)\t35.00
Legend:
Column\tTrace (Measurement)
1\t(Sample number)
2\t[1] Rx1 - Tx1  O2Hb
3\t[1] Rx1 - Tx1  HHb
4\t[1] TSI%  TSI
5\t(Event)


1\t2\t3\t4\t5

0\t1.0\t-2.0\t65.0\t
1\t1.5\t-2.5\t66.0\tA1\tOcclusion
2\t2.0\t-3.0\t67.0\t0
3\t2.5\t-3.5\t68.0\t
"""

MOXY = """ FW Part Number: 1
 LUT Part Number: 2

mm-dd,hh:mm:ss,SmO2 Live,SmO2 Averaged,THb,Lap,Session Ct
06-Feb,23:59:56,56,56,13.01,1,719
06-Feb,23:59:58,55,55,12.89,1,719
07-Feb,00:00:00,53,--,12.84,2,719
07-Feb,00:00:02,54,54,12.91,2,719
"""


def test_the_portamon_file() -> None:
    name = "nirs/portamon_vastus_lateralis_repeated_occlusions.csv"
    found = read(recording(name), 10.0)
    assert (len(found.times_s), found.end_s, found.rate_hz) == (5018, pytest.approx(501.7), 10.0)
    assert {called: one.unit for called, one in found.columns.items()} == dict.fromkeys(
        ("thb", "hhb", "o2hb"), "uM"
    )
    assert found.marks[0] == Mark(pytest.approx(39.3), "R1 Resting")
    assert sum("Occlusion" in one.text for one in found.marks) == 16
    assert found.gaps == ()
    with pytest.raises(RecordingUnusable, match="state the rate"):
        read(recording(name))


def test_the_moxy_file() -> None:
    found = read(recording("nirs/moxy_intervals.csv"))
    assert (found.device, found.rate_hz, found.end_s) == ("Moxy", 0.5, 1860.0)
    assert found.column("sto2", "%")[:3].tolist() == [56.0, 55.0, 53.0]
    assert found.column("thb", "g/dL")[0] == 13.01
    with pytest.raises(RecordingUnusable, match=r"0\.5 Hz by its times"):
        read(recording("nirs/moxy_intervals.csv"), 1.0)


def test_the_niro_file() -> None:
    found = read(recording("nirs/niro_four_channel_thigh_001.csv"))
    assert found.rate_hz == pytest.approx(5.0)
    assert found.end_s == pytest.approx(90.94)
    assert len(found.columns) == 16
    assert found.column("sto2_1", "%")[0] == 75.0
    assert found.column("thi_4", "au")[0] == 0.624
    assert found.marks == (Mark(pytest.approx(30.78), "EVNT13"),)


def test_an_oxysoft_export() -> None:
    found = parse("made", OXYSOFT.encode())
    assert (found.device, found.rate_hz) == ("Artinis", 10.0)
    assert found.column("o2hb", "uM").tolist() == [1.0, 1.5, 2.0, 2.5]
    assert found.column("hhb", "uM")[3] == -3.5
    assert found.column("sto2", "%")[0] == 65.0
    assert found.marks == (Mark(pytest.approx(0.1), "A1 Occlusion"),)
    with pytest.raises(RecordingUnusable, match="correct it"):
        parse("made", OXYSOFT.encode(), 50.0)


def test_several_optodes_keep_their_names() -> None:
    two = OXYSOFT.replace("4\t[1] TSI%  TSI", "4\t[1] Rx1 - Tx2  O2Hb")
    found = parse("made", two.encode())
    assert set(found.columns) == {"[1] rx1 - tx1  o2hb", "hhb", "[1] rx1 - tx2  o2hb"}


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [("sample rate", "sample rates", "without a sample rate"), ("(Sample number)", "x", "without a legend")],
)
def test_oxysoft_exports_that_lack_their_header(old: str, new: str, why: str) -> None:
    with pytest.raises(RecordingUnusable, match=why):
        parse("made", OXYSOFT.replace(old, new).encode())


def test_moxy_over_midnight_with_a_missing_value() -> None:
    found = parse("made", MOXY.encode())
    assert found.times_s.tolist() == [0.0, 2.0, 4.0, 6.0]
    assert math.isnan(found.column("sto2_averaged", "%")[2])
    assert found.marks == (Mark(4.0, "lap 2"),)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no header"),
        ("time_s,a_um\n", "no header"),
        ("time_s,a_um\n0,1\n1,2\n", "2 samples"),
        ("a,b\n1,2\n3,4\n5,6\n", "no time among"),
        ("time_s,a_um\n0,1\n2,1\n1,1\n3,1\n", "the time of sample 3 is not after"),
        ("time_s,a_um\n0,1\n1,1\n1,1\n", "the time of sample 3 is not after"),
        ("time_s,a_um\n0,1\nx,1\n2,1\n", "a time is missing"),
        ("time_s,a_um\n0,1\n1\n2,1\n", "row 3 has 1 cells"),
        (MOXY.replace("00:00:02", "25h"), "no time of day"),
        (MOXY.replace(",2,719", ",719"), "seven cells"),
        (MOXY.replace("00:00:00", "23:59:50"), "is not after"),
    ],
)
def test_files_that_are_no_recordings(text: str, why: str) -> None:
    with pytest.raises(RecordingUnusable, match=why):
        parse("made", text.encode())


def test_a_last_row_that_was_cut_off_is_left_out() -> None:
    assert len(parse("made", b"time_s,a_um\n0,1\n1,2\n2,3\n3").times_s) == 3


def test_gaps_are_found_and_nothing_is_filled() -> None:
    rows = "".join(f"{at / 10},{at}\n" for at in range(100) if not 40 <= at < 50)
    found = parse("made", b"time_s,a_um\n" + rows.encode())
    assert found.gaps == (Gap(pytest.approx(3.9), pytest.approx(5.0)),)
    assert len(found.times_s) == 90
    assert found.gaps_in(0.0, 3.9) == ()
    assert found.gaps_in(3.0, 4.0) == found.gaps


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, math.nan])
def test_rates_that_are_none(rate_hz: float) -> None:
    with pytest.raises(RecordingUnusable, match="rate"):
        parse("made", b"sample,a_um\n0,1\n1,1\n2,1\n", rate_hz)


def test_columns_are_asked_for_with_their_unit() -> None:
    found = parse("made", b"time_s,sto2_percent,note\n0,1,x\n1,1,y\n2,1,z\n")
    assert found.column("sto2", "%").tolist() == [1.0] * 3
    with pytest.raises(RecordingUnusable, match="is in '%', 'uM' is needed"):
        found.column("sto2", "uM")
    with pytest.raises(RecordingUnusable, match="no column 'cuff'; there are: sto2, note"):
        found.column("cuff", "mmHg")


def test_a_file_that_is_not_there(tmp_path: object) -> None:
    with pytest.raises(RecordingUnusable, match="cannot be read"):
        read(recording("nirs/moxy_intervals.csv").parent / "absent.csv")


def test_saturation_of_haemoglobin() -> None:
    found = parse("made", b"time_s,o2hb_um,hhb_um\n0,60,20\n1,0,0\n2,20,60\n")
    made = with_saturation_of_haemoglobin(found).column("sto2", "%")
    assert (made[0], made[2]) == (75.0, 25.0)
    assert math.isnan(made[1])
