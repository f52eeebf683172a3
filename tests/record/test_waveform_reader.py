"""A waveform file is read as it was written; what is damaged is missing, never wrong."""

import math
import struct
import zlib
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.record.errors import WaveformError, WaveformForeign, WaveformMisused, WaveformUnreadable
from gateway.record.waveforms import blocks
from gateway.record.waveforms.facts import facts
from gateway.record.waveforms.reader import Waveform
from gateway.record.waveforms.streams import Channel, Stream, encode
from tests.record import waveform_files as files
from tests.record.waveform_files import CUFF, FORCE, FULL_LOAD, LIGHT, OXYGEN, samples, started

_SMALL = (LIGHT, CUFF, OXYGEN)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of two seconds."""
    return files.whole_file(tmp_path_factory.mktemp("sound") / "a.rvw", _SMALL, 2.0).read_bytes()


def _opened(folder: Path, data: bytes) -> Waveform:
    path = folder / "read.rvw"
    path.write_bytes(data)
    return Waveform.open(path)


# as it was written


def test_every_sample_type_comes_back_to_the_bit(tmp_path: Path) -> None:
    path = files.whole_file(tmp_path / "a.rvw", FULL_LOAD, 3.0)
    assert files.false_samples(path) == 0
    assert files.frames(path) == {"emg": 6000, "force": 3000, "ppg": 1500, "cuff_status": 60, "nirs": 150}
    with Waveform.open(path) as opened:
        assert all(not one.gaps and len(one.runs) == 1 for one in opened.tracks)
        assert (opened.damaged, opened.tail_bytes) == ((), 0)
        assert opened.ending is not None
        assert opened.ending.reached == (6000, 3000, 1500, 60, 150)


def test_the_bytes_are_those_of_the_documentation(tmp_path: Path) -> None:
    made = started(LIGHT)
    made.take(samples(0, 1.5, array("h", [1, -2]).tobytes(), lost=7, flags=blocks.TOLD))
    made.take(files.mark(1.6, "occlusion"))
    data = made.cut()
    own = encode(files.description(LIGHT))
    expected = b"\x89RVW\r\n\x1a\n"
    for kind, stream, number, body in (
        (1, 0xFFFF, 0, own),
        (3, 0xFFFF, 1, struct.pack("<qqBBH", 6_600_000, 1_772_000_001_600_000, 0, 0, 0) + b"occlusion"),
        (
            2,
            0,
            2,
            struct.pack("<QqqIIBBH", 7, 6_500_000, 1_772_000_001_500_000, 2, 7, 1, 0, 0) + b"\1\0\xfe\xff",
        ),
    ):
        head = struct.pack("<4sBBHII", b"\xe7RWB", kind, 1, stream, number, len(body))
        crc = zlib.crc32(head)
        expected += head + struct.pack("<I", crc) + body + struct.pack("<I", zlib.crc32(body, crc))
    assert data == expected


def test_negative_and_extreme_values_of_24_bits(tmp_path: Path) -> None:
    stream = Stream(
        name="x", device="d", rate_hz=10.0, sample="int24", channels=(Channel(name="x", scale=0.1),)
    )
    raw = [-8_388_608, -1, 0, 1, 8_388_607]
    made = started(stream)
    made.take(samples(0, 0.0, b"".join(one.to_bytes(3, "little", signed=True) for one in raw)))
    with _opened(tmp_path, made.cut()) as opened:
        (of,) = opened.tracks
        assert list(opened.values(of, stream.channels[0], of.runs[0])) == [one * 0.1 for one in raw]


def test_a_code_for_missing_is_not_a_number(tmp_path: Path) -> None:
    made = started(CUFF)
    made.take(samples(0, 0.0, array("h", [1200, -1, 1210]).tobytes()))
    with _opened(tmp_path, made.cut()) as opened:
        (of,) = opened.tracks
        first, gone, last = opened.values(of, of.stream.channels[0], of.runs[0])
    assert (first, last) == (120.0, 121.0)
    assert math.isnan(gone)


# gaps and times


def test_lost_frames_are_counted_and_keep_the_times_right(tmp_path: Path) -> None:
    made = started(LIGHT)
    made.take(samples(0, 0.0, files.counted(LIGHT, 0, 500)))
    made.take(samples(0, 1.2, files.counted(LIGHT, 600, 400), lost=100, flags=blocks.QUEUE))
    with _opened(tmp_path, made.cut()) as opened:
        (of,) = opened.tracks
        assert [(one.first_index, one.frames) for one in of.runs] == [(0, 500), (600, 400)]
        assert of.runs[1].time_s(0) == pytest.approx(1.2, abs=1e-6)
        (gap,) = of.gaps
        assert (gap.start_s, gap.end_s) == pytest.approx((1.0, 1.2), abs=1e-6)
        assert (gap.missing, gap.causes) == (100, ("recorder too slow",))
        assert not facts(opened).is_damaged


def test_a_silence_is_a_gap_of_unknown_length_and_a_burst_is_none(tmp_path: Path) -> None:
    made = started(LIGHT)
    made.take(samples(0, 0.0, files.counted(LIGHT, 0, 50)))
    made.take(samples(0, 0.9, files.counted(LIGHT, 50, 50)))
    made.take(samples(0, 0.95, files.counted(LIGHT, 100, 50)))
    made.take(samples(0, 4.0, files.counted(LIGHT, 150, 50)))
    with _opened(tmp_path, made.cut()) as opened:
        (of,) = opened.tracks
        assert [one.frames for one in of.runs] == [150, 50]
        (gap,) = of.gaps
        assert (gap.missing, gap.causes) == (None, ("silence",))
        assert of.runs[1].start_s == pytest.approx(4.0)


def test_a_slow_crystal_is_measured_and_its_times_follow_it(tmp_path: Path) -> None:
    made, true_hz = started(LIGHT), 500.0 * (1 - 200e-6)
    parts = []
    for block in range(600):
        late_s = 0.004 * (block * 7919 % 13) / 13
        made.take(samples(0, block * 125 / true_hz + late_s, files.counted(LIGHT, block * 125, 125)))
        parts.append(made.cut())
    with _opened(tmp_path, b"".join(parts)) as opened:
        (of,) = opened.tracks
        assert of.measured_hz == pytest.approx(true_hz, rel=2e-6)
        (run,) = of.runs
        assert run.time_s(run.frames - 1) == pytest.approx((run.frames - 1) / true_hz, abs=0.004)


def test_times_never_run_backwards(tmp_path: Path) -> None:
    made = started(LIGHT)
    for at_s in (0.0, 10.0, 3.0):
        made.take(samples(0, at_s, files.counted(LIGHT, 0, 50)))
    with _opened(tmp_path, made.cut()) as opened:
        runs = opened.tracks[0].runs
    assert len(runs) == 3
    assert all(one.time_s(0) > before.time_s(before.frames - 1) for before, one in pairwise(runs))


# torn, damaged, foreign


def test_a_torn_tail_costs_that_block_only(tmp_path: Path, sound: bytes) -> None:
    with _opened(tmp_path, sound) as opened:
        last = opened.tracks[0].runs[0].stored[-1].offset
    with _opened(tmp_path, sound[: last + 3]) as torn:
        assert torn.ending is None
        assert torn.damaged == ()
        assert torn.tail_bytes > 0
        assert torn.tracks[0].frames == 875
        assert not facts(torn).is_damaged


def test_a_damaged_block_is_missing_with_its_indices(tmp_path: Path, sound: bytes) -> None:
    with _opened(tmp_path, sound) as opened:
        offset = opened.tracks[0].runs[0].stored[2].offset
    broken = bytearray(sound)
    broken[offset + 20] ^= 4
    with _opened(tmp_path, bytes(broken)) as opened:
        light, *others = opened.tracks
        assert [(one.first_index, one.frames) for one in light.runs] == [(0, 250), (375, 625)]
        (gap,) = light.gaps
        assert (gap.missing, gap.causes) == (125, ("damage",))
        assert light.runs[1].time_s(0) == 0.75
        assert not any(one.gaps for one in others)
        assert facts(opened).is_damaged


def test_a_lost_description_is_found_again_where_it_is_repeated(tmp_path: Path) -> None:
    path = files.whole_file(tmp_path / "a.rvw", (CUFF,), 70.0)
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    data[2] ^= 1
    with _opened(tmp_path, bytes(data)) as opened:
        assert opened.tracks[0].frames == 1400
    with pytest.raises(WaveformForeign, match="nothing says"):
        _opened(tmp_path, bytes(data[:15_000]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_never_makes_a_wrong_sample(
    tmp_path: Path, sound: bytes, data: st.DataObject
) -> None:
    broken = bytearray(sound)
    places = st.integers(0, len(sound) - 1)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(places)
        kind = data.draw(st.sampled_from(["flip", "zero", "cut", "insert", "copy", "end"]))
        length = data.draw(st.integers(1, 600))
        if kind == "flip":
            broken[at % len(broken)] ^= data.draw(st.integers(1, 255))
        elif kind == "zero":
            broken[at : at + length] = bytes(len(broken[at : at + length]))
        elif kind == "cut":
            del broken[at : at + length]
        elif kind == "insert":
            broken[at:at] = data.draw(st.binary(max_size=64))
        elif kind == "copy":
            own = data.draw(places)
            broken[at:at] = broken[own : own + 3 * length]
        elif len(broken) > 4000:
            del broken[-length:]
    path = tmp_path / "broken.rvw"
    path.write_bytes(bytes(broken))
    try:
        assert files.false_samples(path) == 0
        with Waveform.open(path) as opened:
            told = facts(opened)
    except WaveformForeign:
        return
    count = sum(one.frames for one in told.streams)
    assert count == 1140 or told.is_damaged or not told.ended


def test_what_is_planted_is_seen(tmp_path: Path, sound: bytes) -> None:
    """A block whose samples changed and whose checksum was made to fit: the check above must see it."""
    with _opened(tmp_path, sound) as opened:
        offset = opened.tracks[0].runs[0].stored[2].offset - blocks.DATA_FIELDS.size - blocks.HEAD.size
    head = blocks.head(sound[offset : offset + blocks.HEAD.size])
    assert head is not None
    begin = offset + blocks.HEAD.size
    body = bytearray(sound[begin : begin + head.length])
    body[-1] ^= 1
    forged = blocks.block(head.kind, head.stream, head.number, bytes(body))
    path = tmp_path / "forged.rvw"
    path.write_bytes(sound[:offset] + forged + sound[offset + len(forged) :])
    assert files.false_samples(path) == 1


@pytest.mark.parametrize("data", [b"", b"time_s,sto2\n0,70\n", b"\x89RVW\r\n\x1a\n", b"\xe7RWB" * 5000])
def test_what_is_no_waveform_file_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(WaveformForeign):
        _opened(tmp_path, data)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.rvw", tmp_path):
        with pytest.raises(WaveformUnreadable):
            Waveform.open(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=80), kind=st.integers(0, 255), stream=st.integers(0, 0xFFFF))
def test_sound_blocks_of_nonsense_raise_nothing_else(
    tmp_path: Path, sound: bytes, body: bytes, kind: int, stream: int
) -> None:
    with _opened(tmp_path, sound + blocks.block(kind, stream, 10_000, body)) as opened:
        facts(opened)
    assert files.false_samples(tmp_path / "read.rvw") == 0


@pytest.mark.parametrize(
    "stream",
    [
        Stream(name="A b", device="d", rate_hz=1.0, sample="int16", channels=(Channel(name="x"),)),
        Stream(name="a", device="d", rate_hz=math.nan, sample="int16", channels=(Channel(name="x"),)),
        Stream(name="a", device="d", rate_hz=1.0, sample="int16", channels=()),
        Stream(
            name="a", device="d", rate_hz=1.0, sample="int16", channels=(Channel(name="x"), Channel(name="x"))
        ),
        Stream(name="a", device="d", rate_hz=1.0, sample="int16", channels=(Channel(name="x", scale=0.0),)),
    ],
)
def test_streams_that_no_file_can_hold(stream: Stream) -> None:
    with pytest.raises(WaveformMisused):
        encode(files.description(stream))
    with pytest.raises(WaveformMisused):
        encode(files.description(FORCE, FORCE))
    assert issubclass(WaveformMisused, WaveformError)
