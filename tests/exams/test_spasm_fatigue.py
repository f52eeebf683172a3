"""Spasm monitor and fatigue test: the numbers, and what they refuse."""

import math
from typing import Any

import pytest

from gateway.exams import fatigue, spasm
from gateway.exams.errors import TraceUnusable
from gateway.exams.fatigue import Peak
from gateway.exams.result import Certainty, Parameter, Probe, Source, decode, encode
from gateway.exams.spasm import Episode, Watched

PROBE = Probe(device="electrodes of this test", site="quadriceps")
RECORDING = Source(name="of this test", duration_s=1000.0)
SETTINGS = (Parameter(name="merge_gap", value=0.5, unit="s", source="rvos", certainty=Certainty.PROPOSAL),)
WINDOWS = (Watched(0.0, 300.0), Watched(400.0, 700.0))
EPISODES = (Episode(10.0, 12.0, "tonic"), Episode(50.0, 50.5, "clonus"), Episode(500.0, 504.0, "tonic"))


def spasms(episodes: Any = EPISODES, windows: Any = WINDOWS, settings: Any = SETTINGS) -> Any:
    return spasm.analyse(episodes, windows, settings, PROBE, RECORDING)


def test_rates_are_per_watched_time() -> None:
    found = spasms()
    wanted = {
        "watched": 600.0,
        "episodes": 3.0,
        "rate": 18.0,
        "time_in_spasm": 6.5,
        "share_in_spasm": 100 * 6.5 / 600,
        "longest": 4.0,
        "median_duration": 2.0,
    }
    for name, value in wanted.items():
        assert found.value(name).value == pytest.approx(value)
    assert found.value("episodes_of_kind", "tonic").value == 2.0
    assert found.flags == ()
    assert decode(encode(found)) == found


def test_nothing_seen_is_a_count_of_zero_and_no_duration() -> None:
    found = spasms(())
    assert found.value("episodes").value == 0.0
    assert found.value("longest").value is None
    assert [flag.id for flag in found.flags] == ["no_episodes"]


def test_what_touches_an_edge_or_is_mostly_unwatched_is_flagged() -> None:
    found = spasms((Episode(299.0, 300.0),), (Watched(0.0, 300.0),))
    assert {flag.id for flag in found.flags} == {"cut_off", "mostly_unwatched"}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"windows": ()}, "0 s without stimulation"),
        ({"windows": (Watched(0.0, 59.0),), "episodes": ()}, "59 s"),
        ({"windows": (Watched(0.0, 300.0), Watched(200.0, 700.0))}, "window 2"),
        ({"windows": (Watched(300.0, 0.0),)}, "window 1"),
        ({"windows": (Watched(0.0, math.nan),)}, "window 1"),
        ({"episodes": (Episode(350.0, 351.0),)}, "outside the watched"),
        ({"episodes": (Episode(299.0, 301.0),)}, "outside the watched"),
        ({"episodes": EPISODES[::-1]}, "episode 2"),
        ({"episodes": (Episode(math.nan, 2.0),)}, "episode 1"),
        ({"settings": ()}, "settings"),
    ],
)
def test_what_cannot_be_counted_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(TraceUnusable, match=match):
        spasms(**changes)


# fatigue

FORCE = fatigue.Kind("force", "N")
GIVEN = (Parameter(name="current", value=40, unit="mA", source="prescription", certainty=Certainty.ENTERED),)


def falling(number: int = 11, fall: float = 5.0) -> list[Peak]:
    return [Peak(10.0 * at, 100.0 - fall * at) for at in range(number)]


def tired(peaks: Any, stimulation: Any = GIVEN, ends: int = 3) -> Any:
    return fatigue.analyse(peaks, FORCE, stimulation, PROBE, RECORDING, ends=ends)


def test_ratio_and_slope_of_a_straight_fall() -> None:
    found = tired(falling())
    assert found.value("fatigue_index").value == pytest.approx(55 / 95)
    assert found.value("slope").value == pytest.approx(-100 * 5 / 95)
    assert found.value("slope").r_squared == pytest.approx(1.0)
    assert found.curves[0].at(100.0) == pytest.approx(50.0)
    assert found.flags == ()
    assert decode(encode(found)) == found


def test_a_lost_contraction_keeps_its_place_in_the_slope() -> None:
    peaks = falling()
    peaks[5] = Peak(50.0, None)
    found = tired(peaks)
    assert found.value("slope").value == pytest.approx(-100 * 5 / 95)
    assert [flag.id for flag in found.flags] == ["peaks_missing"]


def test_rising_peaks_are_doubtful_and_level_ones_are_not() -> None:
    assert [flag.id for flag in tired(falling(fall=-5.0)).flags] == ["rising", "potentiation"]
    level = tired(falling(fall=0.0))
    assert level.flags == ()
    assert (level.value("fatigue_index").value, level.value("slope").value) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("peaks", "match"),
    [
        ([], "0 valid peaks"),
        (falling(6), "6 valid peaks"),
        (falling()[::-1], "not later"),
        ([*falling(), Peak(200.0, math.nan)], "give None"),
        ([Peak(10.0 * at, 0.0) for at in range(11)], "could tire"),
        ([Peak(math.nan, 1.0), *falling()], "not later"),
    ],
)
def test_what_is_no_fatigue_test_is_refused(peaks: list[Peak], match: str) -> None:
    with pytest.raises(TraceUnusable, match=match):
        tired(peaks)


def test_the_stimulation_must_be_stated() -> None:
    with pytest.raises(TraceUnusable, match="not stated"):
        tired(falling(), ())
    with pytest.raises(TraceUnusable, match="1 or more"):
        tired(falling(), ends=0)


def test_a_muscle_that_warms_up_is_told() -> None:
    peaks = [100.0, 100.0, 100.0, 120.0, 115.0, 90.0, 80.0, 70.0, 60.0]
    found = tired([Peak(float(at), one) for at, one in enumerate(peaks)])
    assert [flag.id for flag in found.flags] == ["potentiation"]
