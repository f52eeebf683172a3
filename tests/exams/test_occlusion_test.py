"""The occlusion test: a made trace with known truth, every definition, every flag, real recordings."""

import math
import time
from array import array
from collections.abc import Callable
from dataclasses import replace

import pytest

from dsp.traces import smoothed
from gateway.exams import occlusion_test, occlusions
from gateway.exams.errors import DefinitionUnknown, NotComparable, RecordingUnusable, TraceUnusable
from gateway.exams.occlusion_definitions import DEFINITIONS
from gateway.exams.recording import Mark, Recording, with_saturation_of_haemoglobin
from gateway.exams.recordings import read
from gateway.exams.result import Probe, Result, change, decode, encode
from gateway.model import Limb
from tests.exams.traces import (
    DROP_PER_S,
    OVERSHOOT,
    PROBE,
    RELEASE_S,
    START_S,
    cut,
    pressure,
    recorded,
    saturation,
)
from tests.recordings import recording

ALL = tuple(DEFINITIONS)


SYSTOLIC_MMHG = 120.0


def analysed(made: Recording, *definitions: str, systolic_mmhg: float | None = SYSTOLIC_MMHG) -> Result:
    return occlusion_test.analyse(
        made, PROBE, Limb.LEFT_THIGH, definitions or ALL, systolic_mmhg=systolic_mmhg
    )


def ids(result: Result) -> set[str]:
    return {one.id for one in result.flags}


def number(result: Result, name: str, by: str = "vot-indices-1") -> float:
    value = result.value(name, "1", by).value
    assert value is not None
    return value


def test_the_indices_of_a_known_trace() -> None:
    result = analysed(recorded())
    lowest = saturation(RELEASE_S - 0.01)
    assert number(result, "baseline") == pytest.approx(70.0, abs=0.1)
    assert number(result, "minimum") == pytest.approx(lowest, abs=0.8)  # smoothing rounds the corner
    assert number(result, "peak") == pytest.approx(70.0 + OVERSHOOT, abs=0.8)
    assert number(result, "overshoot") == pytest.approx(OVERSHOOT, abs=0.8)
    assert number(result, "recovery_time") == pytest.approx(9.0, abs=0.3)
    assert number(result, "half_time") == pytest.approx(4.5, abs=0.3)
    assert number(result, "ischaemic_area") == pytest.approx(DROP_PER_S * 180.0**2 / 2.0, rel=0.02)
    back_s = 60.0 * math.log((OVERSHOOT + 0.5) / 0.5)
    assert number(result, "vascular_reserve") == pytest.approx(5.0 + back_s, abs=15.0)
    area = 0.5 * 5.0 * OVERSHOOT + 60.0 * OVERSHOOT - 0.5 * back_s
    assert number(result, "hyperaemic_area") == pytest.approx(area, rel=0.03)
    assert number(result, "occlusion_time") == pytest.approx(177.3, abs=0.2)


def test_the_slopes_of_a_known_trace() -> None:
    result = analysed(recorded())
    assert number(result, "desaturation_slope", "mclay") == pytest.approx(-0.1, abs=0.002)
    assert number(result, "desaturation_slope", "bezemer2009") == pytest.approx(-6.0, abs=0.2)
    assert number(result, "desaturation_slope", "lima") == pytest.approx(-6.0, abs=0.2)
    assert number(result, "reperfusion_slope", "mclay") == pytest.approx(2.0, abs=0.02)
    assert number(result, "reperfusion_slope", "creteur2007") == pytest.approx(2.0, abs=0.02)
    mclay = result.value("reperfusion_slope", "1", "mclay")
    assert mclay.samples == 101
    assert (mclay.low, mclay.high, mclay.confidence) == (None, None, None)  # see the slopes' docstring
    assert (mclay.r_squared or 0.0) > 0.99
    assert number(result, "desaturation_part", "bezemer2009") == pytest.approx(177.3, abs=0.3)
    assert {one.unit for one in result.values if one.definition == "bezemer2009" and one.value} == {
        "%/min",
        "s",
    }


@pytest.mark.parametrize(
    ("definition", "name"),
    [
        ("creteur2007", "desaturation_slope"),
        ("bezemer2009", "reperfusion_slope"),
        ("payen2009", "desaturation_slope"),
        ("payen2009", "reperfusion_slope"),
        ("vot2v3", "desaturation_slope"),
    ],
)
def test_a_method_that_we_do_not_know_gives_no_number(definition: str, name: str) -> None:
    result = analysed(recorded(), definition)
    assert result.value(name, "1", definition).value is None
    assert any(one.id == "method_unknown" and one.about == name for one in result.flags)


def test_the_time_to_forty_percent() -> None:
    reached = analysed(recorded(lambda t: saturation(t) - 20.0), "target40")
    assert number(reached, "time_to_target", "target40") == pytest.approx(97.3, abs=2.0)
    assert "target_not_reached" in ids(analysed(recorded(), "target40"))


def test_another_occlusion_time_than_the_paper_had_is_noted() -> None:
    assert "other_occlusion_time" in ids(analysed(recorded(), "mclay"))
    assert "other_occlusion_time" not in ids(analysed(recorded(), "creteur2007"))


def test_the_cuff_rules_and_marks_stand_in() -> None:
    """The marks are ten seconds wrong; with the cuff recorded they are not looked at."""
    marks = (Mark(START_S + 10, "Occlusion"), Mark(RELEASE_S + 10, "Release"))
    both = analysed(recorded(marks=marks), "mclay")
    marked = analysed(recorded(cuff=None, marks=marks), "mclay")
    assert number(both, "reperfusion_slope", "mclay") == pytest.approx(2.0, abs=0.02)
    assert number(marked, "reperfusion_slope", "mclay") < 1.0


def test_a_clean_test_has_no_doubts() -> None:
    assert {one.id for one in analysed(recorded(), "creteur2007").flags} == {"method_unknown"}


BAD: dict[str, Callable[[float], float]] = {
    "no_desaturation": lambda t: 70.0 + math.sin(t),
    "no_reperfusion": lambda t: saturation(min(t, RELEASE_S)),
    "baseline_not_reached": lambda t: min(saturation(t), 65.0) if t > RELEASE_S else saturation(t),
    "movement": lambda t: saturation(t) + (25.0 if 250.0 < t < 251.5 else 0.0),
    "out_of_range": lambda t: saturation(t) + (60.0 if 20.0 < t < 21.0 else 0.0),
    "missing_samples": lambda t: math.nan if 200.0 < t < 260.0 else saturation(t),
}


@pytest.mark.parametrize("flag", BAD)
def test_what_is_wrong_is_flagged(flag: str) -> None:
    assert flag in ids(analysed(recorded(BAD[flag]), "mclay"))


def test_a_probe_that_slips_is_movement() -> None:
    slipped = recorded(lambda t: saturation(t) - 8.0 * min(1.0, max(0.0, (t - 164.0) / 1.5)))
    assert "movement" in ids(analysed(slipped, "mclay"))


def test_a_scale_that_ends_is_flagged() -> None:
    bottom = recorded(lambda t: max(0.0, saturation(t) - 60.0), noise=0.0)
    assert "saturated" in ids(analysed(bottom, "mclay"))


def test_a_slow_cuff_is_flagged() -> None:
    slow = recorded(cuff=lambda t: min(pressure(t), max(0.0, 17.0 * (t - START_S))))
    assert "slow_inflation" in ids(analysed(slow, "mclay"))
    leaking = recorded(cuff=lambda t: 100.0 if RELEASE_S <= t < RELEASE_S + 4.0 else pressure(t))
    result = analysed(leaking, "mclay")
    assert "slow_release" in ids(result)
    (curve,) = (one for one in result.curves if one.about == "reperfusion_slope mclay")
    assert curve.start_s == pytest.approx(RELEASE_S)  # not when the cuff was empty at last


def test_without_reperfusion_nothing_after_it_is_a_number() -> None:
    result = analysed(recorded(BAD["no_reperfusion"]), "mclay")
    for name in ("peak", "overshoot", "recovery_time", "half_time", "hyperaemic_area", "vascular_reserve"):
        assert result.value(name, "1").value is None


def test_a_recovery_that_is_cut_off_is_a_lower_bound() -> None:
    result = analysed(recorded(end_s=RELEASE_S + 60.0), "mclay")
    assert {one.about for one in result.flags if one.id == "cut_off"} == {
        "hyperaemic_area",
        "vascular_reserve",
    }


def test_a_window_that_is_cut_off_gives_no_slope() -> None:
    result = analysed(recorded(end_s=RELEASE_S + 5.0), "mclay")
    assert result.value("reperfusion_slope", "1", "mclay").value is None
    assert "window_cut_off" in ids(result)


def test_too_few_samples_for_a_definition() -> None:
    """One sample every 3.5 s is what the first papers had: four in 14 s, and three are refused."""
    slow = analysed(recorded(rate_hz=1 / 3.5), "creteur2007")
    assert (slow.value("reperfusion_slope", "1", "creteur2007").samples or 0) >= 4
    slower = analysed(recorded(rate_hz=1 / 6.0), "creteur2007")
    assert slower.value("reperfusion_slope", "1", "creteur2007").value is None
    assert "too_few_samples" in ids(slower)


def test_a_gap_is_flagged() -> None:
    assert "gap" in ids(analysed(cut(recorded(), 300.0, 320.0), "mclay"))


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (lambda: recorded(cuff=lambda t: 0.0), "shows no occlusion"),
        (lambda: recorded(cuff=None), "no marks"),
        (lambda: recorded(cuff=None, marks=(Mark(180.0, "Occlusion"),)), "no marks"),
        (lambda: recorded(lambda t: 60.0, noise=0.0), "throughout"),
        (lambda: recorded(lambda t: math.nan), "missing or not 0 to 100"),
        (lambda: recorded(lambda t: 6500.0), "missing or not 0 to 100"),
    ],
    ids=["no pressure", "no marks", "no end", "constant", "missing", "per mille"],
)
def test_what_cannot_be_analysed_is_refused(made: Callable[[], Recording], why: str) -> None:
    with pytest.raises(TraceUnusable, match=why):
        analysed(made())


def test_unknown_definitions_and_missing_columns_are_refused() -> None:
    with pytest.raises(DefinitionUnknown, match="'gomez': choose one of bezemer2009, creteur2007"):
        analysed(recorded(), "gomez")
    with pytest.raises(TraceUnusable, match="no definition"):
        occlusion_test.analyse(recorded(), PROBE, None, ())
    with pytest.raises(RecordingUnusable, match="no column 'sto2'"):
        analysed(replace(recorded(), columns={}))
    with pytest.raises(TraceUnusable, match="occludes nothing"):
        occlusion_test.analyse(recorded(), PROBE, None, ("mclay",), 10.0)


def test_a_pressure_that_never_occludes_is_no_occlusion() -> None:
    with pytest.raises(TraceUnusable, match="shows no occlusion"):
        occlusion_test.analyse(recorded(), PROBE, None, ("mclay",), occluding_mmhg=200.0)


def test_slopes_are_never_compared_across_probes() -> None:
    first = analysed(recorded(), "mclay")
    near = Probe(device="made", site="vastus lateralis", spacing_mm=15.0)
    second = occlusion_test.analyse(recorded(), near, Limb.LEFT_THIGH, ("mclay",))
    with pytest.raises(NotComparable, match="probe spacing"):
        change(first, second, "reperfusion_slope", "1")
    assert change(first, first, "reperfusion_slope", "1") == 0.0


def test_the_result_goes_through_json() -> None:
    result = analysed(recorded())
    assert decode(encode(result)) == result
    assert {one.id for one in result.definitions} == {"vot-indices-1", *ALL}
    assert {one.name for one in result.windows} == {"baseline", "occlusion", "recovery"}


def test_two_occlusions_are_two_parts() -> None:
    marks = tuple(
        Mark(at, text)
        for at, text in ((30.0, "Occlusion"), (60.0, "Release"), (180.0, "Occlusion"), (360.0, "Release"))
    )
    result = analysed(recorded(cuff=None, marks=marks), "mclay")
    assert {one.of for one in result.values} == {"1", "2"}
    assert result.windows[2].end_s == 180.0  # the first recovery ends where the second occlusion begins


def test_smoothing_is_a_centred_mean() -> None:
    times, values = array("d", range(7)), array("d", [0, 0, 0, 7, math.nan, 0, 0])
    made = smoothed(times, values, 2.0)
    assert made[3] == pytest.approx(3.5)
    assert made[2] == pytest.approx(7 / 3)
    assert math.isnan(made[4])
    assert smoothed(times, values, 0.0)[3] == 7.0


def test_smoothing_forgets_an_enormous_value() -> None:
    times, values = array("d", range(3000)), array("d", [1.0] * 3000)
    values[10] = 1e20
    assert smoothed(times, values, 4.0)[2000:] == values[2000:]


def test_inflations_of_a_cuff_trace() -> None:
    times = array("d", [0.1 * at for at in range(3000)])
    trace = array("d", [pressure(t + 120.0) for t in times])
    trace[900] = math.nan
    (found,) = occlusions.from_pressure(times, trace)
    assert found.inflation_s == pytest.approx(60.3, abs=0.11)
    assert found.occluded_s == pytest.approx(62.7, abs=0.11)
    assert occlusions.from_pressure(times, array("d", [170.0] * 3000)) == ()  # never emptied: no end


def test_forty_minutes_at_ten_hertz_take_less_than_a_second() -> None:
    made = recorded(end_s=2400.0)
    begun = time.process_time()
    analysed(made)
    assert time.process_time() - begun < 1.0


def test_a_resting_occlusion_of_the_portamon_recording() -> None:
    """Five seconds at rest: the slope is there, and that so short an occlusion is no test is said."""
    made = with_saturation_of_haemoglobin(
        read(recording("nirs/portamon_vastus_lateralis_repeated_occlusions.csv"), 10.0)
    )
    result = analysed(made, "mclay")
    assert number(result, "baseline") == pytest.approx(57.29, abs=0.01)
    assert result.value("desaturation_slope", "1", "mclay").value is None  # 1 % is no fall
    assert {"no_desaturation", "other_occlusion_time"} <= ids(result)
    assert result.value("half_time", "1").value is None


def test_a_training_recording_without_an_occlusion_is_refused() -> None:
    with pytest.raises(TraceUnusable, match="no marks of an occlusion"):
        analysed(read(recording("nirs/moxy_intervals.csv")), "mclay")
