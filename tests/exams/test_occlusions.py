"""Occlusions that are none or not what they seem: the cuff, the marks, slopes of noise, scales that end."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from gateway.exams import occlusion_marks, occlusion_test
from gateway.exams.errors import TraceUnusable
from gateway.exams.recording import Mark
from gateway.exams.result import Severity
from tests.exams.test_occlusion_test import analysed, ids, number
from tests.exams.traces import PROBE, RELEASE_S, START_S, cut, recorded, saturation

# what the cuff did


def held(mmhg: float, **changes: float) -> Callable[[float], float]:
    """Filled in 3 s to so much; ``top`` for 3 s more, then falling by ``leak`` a second."""

    def cuff(time_s: float) -> float:
        since_s = time_s - START_S
        if not 0.0 <= since_s < RELEASE_S - START_S:
            return 0.0
        if 3.0 < since_s < 6.0:
            return changes.get("top", mmhg)
        return min(mmhg, mmhg * since_s / 3.0) - changes.get("leak", 0.0) * since_s

    return cuff


def test_what_the_cuff_held_is_in_the_result() -> None:
    result = analysed(recorded(cuff=held(200.0, leak=0.05)), "creteur2007")
    assert number(result, "cuff_pressure") == pytest.approx(195.5, abs=0.5)
    assert number(result, "cuff_pressure_lowest") == pytest.approx(191.0, abs=0.5)
    assert not {"pressure_fell", "occlusion_unverified"} & ids(result)


def test_venous_stasis_is_no_occlusion() -> None:
    stasis = recorded(cuff=held(60.0))
    with pytest.raises(TraceUnusable, match="held 60 mmHg, the systolic is 120 mmHg: nothing was occluded"):
        analysed(stasis, "creteur2007")
    assert "occlusion_unverified" in ids(analysed(stasis, "creteur2007", systolic_mmhg=None))
    stated = occlusion_test.analyse(recorded(), PROBE, None, ("mclay",), occluding_mmhg=150.0)
    assert "occlusion_unverified" not in ids(stated)


def test_marks_do_not_say_that_the_limb_was_occluded() -> None:
    marks = (Mark(START_S, "Occlusion"), Mark(RELEASE_S, "Release"))
    assert "occlusion_unverified" in ids(analysed(recorded(cuff=None, marks=marks), "mclay"))


@pytest.mark.parametrize(
    ("changes", "flag"), [({"top": 240.0}, set()), ({"leak": 0.15}, {"pressure_fell"}), ({"leak": 0.5}, None)]
)
def test_the_release_is_when_the_cuff_lets_go(changes: dict[str, float], flag: set[str] | None) -> None:
    """A pump that overshoots, and a cuff that leaks slowly, do not move it; a fast leak does and is told."""
    result = analysed(recorded(cuff=held(200.0, **changes)), "creteur2007")
    window = result.windows[1]
    if flag is None:
        assert window.end_s < RELEASE_S - 30.0
        assert {"pressure_fell", "slow_release"} <= ids(result)
        return
    assert window.start_s == pytest.approx(START_S + 2.7, abs=0.2)
    assert window.end_s == pytest.approx(RELEASE_S, abs=0.11)
    assert number(result, "half_time") == pytest.approx(4.5, abs=0.3)
    assert {"pressure_fell"} & ids(result) == flag


def test_a_dip_of_the_cuff_does_not_end_the_occlusion_and_is_told() -> None:
    dipped = recorded(cuff=lambda t: 90.0 if 250.0 < t < 253.0 else held(200.0)(t))
    result = analysed(dipped, "creteur2007")
    assert result.windows[1].end_s == pytest.approx(RELEASE_S, abs=0.11)
    assert number(result, "cuff_pressure_lowest") == 90.0
    assert {"pressure_fell", "below_systolic"} <= ids(result)


# slopes that are none


@pytest.mark.parametrize("seed", range(8))
def test_noise_has_no_slope(seed: int) -> None:
    random = np.random.default_rng(seed)
    flat = recorded(lambda t: 80.0 + random.normal(0.0, 0.3))
    result = analysed(flat, "bezemer2009", "lima", "mclay", "creteur2007")
    slopes = [one for one in result.values if one.name.endswith("slope")]
    assert len(slopes) == 8
    assert all(one.value is None for one in slopes)


def test_a_slope_that_goes_the_other_way_is_missing() -> None:
    gone_on = recorded(lambda t: saturation(t) if t < RELEASE_S + 20 else saturation(t + 30.0), noise=0.0)
    assert number(analysed(gone_on, "mclay"), "reperfusion_slope", "mclay") > 0.0
    falls_on = recorded(lambda t: 52.0 - 0.1 * (t - RELEASE_S) if t > RELEASE_S else saturation(t))
    result = analysed(falls_on, "mclay")
    assert result.value("reperfusion_slope", "1", "mclay").value is None
    assert "wrong_direction" in ids(result)


def test_a_curve_that_passes_for_a_line_is_said_to_bend() -> None:
    """Falling by 40 %/min at first and ever more slowly: an R2 above 0.95 all the same."""

    def falling(time_s: float) -> float:
        since_s = min(max(0.0, time_s - START_S), RELEASE_S - START_S)
        return 70.0 - 40.0 * (1.0 - math.exp(-since_s / 60.0))

    bent = recorded(lambda t: falling(t) if t < RELEASE_S else saturation(t), noise=0.1)
    result = analysed(bent, "bezemer2009")
    assert "part_bends" in ids(result)
    assert 20.0 < number(result, "desaturation_part", "bezemer2009") < 177.0
    assert "part_bends" not in ids(analysed(recorded(noise=1.0), "bezemer2009"))


@pytest.mark.parametrize("is_gap", [True, False])
def test_nothing_is_counted_from_a_release_that_was_not_recorded(is_gap: bool) -> None:
    made = recorded(lambda t: saturation(t) if is_gap or not 358.0 < t < 365.0 else math.nan)
    result = analysed(cut(made, 355.0, 370.0) if is_gap else made, "creteur2007")
    for name in ("half_time", "recovery_time", "vascular_reserve", "hyperaemic_area", "reperfusion_slope"):
        by = "creteur2007" if name.endswith("slope") else "vot-indices-1"
        assert result.value(name, "1", by).value is None, name
    assert number(result, "peak") == pytest.approx(80.0, abs=1.0)
    elsewhere = analysed(cut(recorded(), 500.0, 520.0), "creteur2007")
    assert number(elsewhere, "half_time") == pytest.approx(4.5, abs=0.3)


# a scale that ends, another scale


def test_a_trace_that_stands_still_inside_its_scale_is_told() -> None:
    clipped = recorded(lambda t: saturation(t))
    values = clipped.columns["sto2"].values
    for at, one in enumerate(values):
        values[at] = min(max(one, 57.0), 69.0)
    assert "stuck" in ids(analysed(clipped, "mclay"))


def test_a_device_that_rounds_is_not_stuck() -> None:
    rounded = recorded(lambda t: saturation(t))
    values = rounded.columns["sto2"].values
    for at, one in enumerate(values):
        values[at] = float(round(one))
    assert "stuck" not in ids(analysed(rounded, "mclay"))


def test_a_fraction_is_not_taken_for_per_cent() -> None:
    with pytest.raises(TraceUnusable, match="looks like a fraction: --scale sto2=100,0"):
        analysed(recorded(lambda t: saturation(t) / 100.0, noise=0.001))


# marks


@pytest.mark.parametrize(
    ("texts", "occlusion", "flag"),
    [
        (("occlusion start", "occlusion end"), (1, 2), None),
        (("start occlusion", "end of occlusion", "cuff off patient"), (1, 2), Severity.NOTE),
        (("occlusion", "occlusion released"), (1, 2), None),
        (("Cuff inflated", "cuff deflated"), (1, 2), None),
        (("resting baseline", "occlusion", "release"), (2, 3), None),
        (("resting", "tourniquet up", "release"), (2, 3), Severity.DOUBTFUL),
        (("pre-occlusion check", "occlusion 1", "post-occlusion", "Relaxation"), (2, 4), None),
        (("A2 Occlusion", "B5 Relaxation", "A3 Occlusion"), (1, 2), Severity.DOUBTFUL),
    ],
)
def test_marks_are_read_by_whole_words_and_ends_first(
    texts: tuple[str, ...], occlusion: tuple[int, int], flag: Severity | None
) -> None:
    marks = tuple(Mark(100.0 * at, text) for at, text in enumerate(texts, 1))
    read = occlusion_marks.paired(marks)
    assert [(begun.at_s, ended.at_s) for begun, ended in read.pairs] == [
        (100.0 * occlusion[0], 100.0 * occlusion[1])
    ]
    assert [one.severity for one in occlusion_marks.left_over(read)] == ([flag] if flag else [])


def test_words_that_a_person_stated_are_taken_as_they_are() -> None:
    marks = (Mark(1.0, "pre"), Mark(2.0, "garrot"), Mark(9.0, "garrot enlevé"))
    (pair,) = occlusion_marks.paired(marks, ("garrot",), ("enlevé",)).pairs
    assert (pair[0].at_s, pair[1].at_s) == (2.0, 9.0)
    (pair,) = occlusion_marks.paired(marks, ("pre",), ("garrot",)).pairs
    assert (pair[0].at_s, pair[1].at_s) == (1.0, 2.0)


def test_a_refusal_names_the_marks_and_a_result_those_left_over() -> None:
    marks = (Mark(5.0, "resting baseline"), Mark(60.0, "pre-occlusion check"), Mark(240.0, "release"))
    with pytest.raises(TraceUnusable, match=r"'pre-occlusion check' at 60\.0 s, 'release' at 240\.0 s"):
        analysed(recorded(cuff=None, marks=marks))
    spare = (Mark(2.0, "resting"), Mark(START_S, "Occlusion"), Mark(RELEASE_S, "Release"))
    flags = analysed(recorded(cuff=None, marks=spare), "mclay").flags
    assert next(one.text for one in flags if one.id == "marks_unpaired").endswith("'resting' at 2.0 s")
