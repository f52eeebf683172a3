"""The pulse examination: a made light signal, what spoils it, and a real one."""

import math
from array import array
from typing import Any

import numpy as np
import pytest

from gateway.exams import pulse
from gateway.exams.errors import TraceUnusable
from gateway.exams.pulse import Choices
from gateway.exams.recording import Column, Recording, checked
from gateway.exams.recordings import read
from gateway.exams.result import Probe, Result, decode, encode
from tests.dsp.test_pulse import wave
from tests.recordings import recording

PROBE = Probe(device="finger light", site="finger")


def recorded(values: "np.ndarray[Any, Any]", rate_hz: float = 100.0) -> Recording:
    times = array("d", [at / rate_hz for at in range(len(values))])
    return checked("made", "", "made", times, {"ppg": Column(array("d", values), "au")})


def analysed(made: Recording, **choices: Any) -> Result:
    return pulse.analyse(made, PROBE, None, Choices(**choices))


def ids(result: Result) -> set[str]:
    return {one.id for one in result.flags}


def test_a_made_wave() -> None:
    result = analysed(recorded(wave(60)), is_light=True)
    assert result.value("rate").value == pytest.approx(60 / 0.85, rel=0.01)
    assert result.value("perfusion_index").value == pytest.approx(18.0, abs=2.0)
    assert result.value("reflection_index").value == pytest.approx(45.0, abs=5.0)
    assert result.value("viability_ratio").definition == "ppg-uncalibrated-1"
    assert "viability_caveat" in ids(result)
    assert decode(encode(result)) == result


def test_perfusion_needs_a_person_s_word() -> None:
    result = analysed(recorded(wave(60)))
    assert result.value("perfusion_index").value is None
    assert "no_perfusion" in ids(result)


def test_an_inverted_sensor() -> None:
    result = analysed(recorded(10.0 - wave(60)), is_inverted=True)
    assert result.value("rate").value == pytest.approx(60 / 0.85, rel=0.01)


def test_movement_and_lost_signal_add_nothing_to_the_rate() -> None:
    made = wave(120)
    made[3000:3600] = 5.0
    made[6000:6300] += np.random.default_rng(2).normal(0.0, 2.0, 300)
    result = analysed(recorded(made))
    assert result.value("rate").value == pytest.approx(60 / 0.85, rel=0.01)
    assert "no_signal" in ids(result)
    assert len(result.windows) >= 2


def test_a_gap_in_the_times_stays_a_gap() -> None:
    made = wave(120)
    keep = np.r_[0:4000, 5037 : len(made)]
    times = array("d", keep / 100.0)
    result = analysed(checked("cut", "", "made", times, {"ppg": Column(array("d", made[keep]), "au")}))
    assert "gap" in ids(result)
    assert result.value("rate").value == pytest.approx(60 / 0.85, rel=0.01)
    ends = [one.end_s for one in result.windows]
    assert ends[0] <= 40.0
    assert result.windows[1].start_s >= 50.3


def test_noise_has_no_rate() -> None:
    result = analysed(recorded(np.random.default_rng(3).normal(0.0, 1.0, 6000)))
    assert result.value("rate").value is None or "poor_beats" in ids(result)


def test_an_irregular_pulse_is_flagged() -> None:
    rng = np.random.default_rng(7)
    pieces = [wave(3, interval)[: int(interval * 100)] for interval in rng.uniform(0.5, 1.3, 120)]
    assert "irregular" in ids(analysed(recorded(np.concatenate(pieces)), least_resemblance=0.5))


@pytest.mark.parametrize(
    ("values", "why"),
    [(np.full(6000, 3.0), "give some seconds"), (np.full(6000, math.nan), "give some seconds")],
    ids=["constant", "missing"],
)
def test_what_has_no_pulse_is_refused(values: "np.ndarray[Any, Any]", why: str) -> None:
    with pytest.raises(TraceUnusable, match=why):
        analysed(recorded(values))


def test_other_columns_and_rates_are_refused() -> None:
    with pytest.raises(TraceUnusable, match="no column 'light'"):
        pulse.analyse(recorded(wave(60)), PROBE, column="light")
    with pytest.raises(TraceUnusable, match="20 to 4000 Hz"):
        analysed(recorded(wave(60), rate_hz=5.0))


def test_the_light_of_a_real_finger() -> None:
    """Forty seconds without a usable signal, then clean beats of a high-passed sensor."""
    result = analysed(read(recording("pulse/ppg_heartpy_2.csv")))
    assert result.value("rate").value == pytest.approx(62.1, abs=0.3)
    assert 70 <= (result.value("good_beats").value or 0) <= 95
    assert {"no_signal", "high_passed"} <= ids(result)
    assert result.value("viability_ratio").value is None
    assert min(one.start_s for one in result.windows if one.end_s - one.start_s > 5.0) > 40.0


def test_what_nobody_stated_is_not_entered_by_a_person() -> None:
    known = {
        one.name: one for one in analysed(recorded(wave(60)), is_inverted=False, is_light=True).parameters
    }
    assert known["is_light"].certainty == "entered by a person"
    assert known["is_inverted"].certainty == "engineering proposal"
    assert known["diastolic height"].value == (5.0, 100.0)


def test_beats_that_stand_at_the_top_are_told_and_have_no_shape() -> None:
    result = analysed(recorded(np.minimum(wave(60), 5.7)), is_light=True)
    assert "saturated" in ids(result)
    assert result.value("rate").value == pytest.approx(60 / 0.85, rel=0.01)
    for name in ("reflection_index", "augmentation_index", "viability_ratio", "perfusion_index"):
        assert result.value(name).value is None
    assert "saturated" not in ids(analysed(recorded(wave(60))))


def test_a_signal_upside_down_is_told_how_to_turn_it() -> None:
    result = analysed(recorded(10.0 - wave(60)))
    assert any("--inverted" in one.text for one in result.flags)
