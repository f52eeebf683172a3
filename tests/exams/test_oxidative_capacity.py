"""Oxidative capacity: a made series with known k, what spoils it, and the PortaMon recording."""

import math
import time
from array import array
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from gateway.exams import oxidative_capacity
from gateway.exams.errors import DefinitionUnknown, NotComparable, TraceUnusable
from gateway.exams.oxidative_capacity_definitions import Choices
from gateway.exams.recording import Column, Mark, Recording, checked, with_saturation_of_haemoglobin
from gateway.exams.recordings import read
from gateway.exams.result import Result, Severity, change, decode, encode
from gateway.model import Limb
from tests.exams.traces import PROBE
from tests.recordings import recording

K_PER_MIN = 2.4
HZ = 10.0


def consumption(at_s: float) -> float:
    """uM/s, ``at_s`` after the first occlusion."""
    return 0.15 + 0.85 * math.exp(-K_PER_MIN / 60.0 * at_s)


def series(
    occlusions: int = 12,
    rate: Callable[[float], float] = consumption,
    inflow: float = 0.2,
    noise: float = 0.01,
    resting: int = 2,
) -> Recording:
    """Occlusions of 5 s every 15 s; blood of the tissue's own mix comes and goes with ``inflow`` uM/s."""
    first_s = 200.0
    times = np.arange(0.0, first_s + 15.0 * occlusions + 20.0, 1.0 / HZ)
    starts = [20.0 + 15.0 * at for at in range(resting)] + [first_s + 15.0 * at for at in range(occlusions)]
    oxy, deoxy = [80.0], [60.0]
    for at_s in times[1:]:
        start = next((one for one in starts if one <= at_s < one + 5.0), None)
        used = 0.15 if start is not None and start < first_s else rate(max(0.0, at_s - first_s - 2.5))
        flow = used if start is not None else (0.0 if oxy[-1] >= 80.0 else -0.5)
        share, blood = oxy[-1] / (oxy[-1] + deoxy[-1]), inflow * math.sin(at_s / 3.0)
        oxy.append(oxy[-1] + (share * blood - flow) / HZ)
        deoxy.append(deoxy[-1] + ((1.0 - share) * blood + flow) / HZ)
    off = np.random.default_rng(6).normal(0.0, noise, (2, len(times)))
    columns = {
        "o2hb": Column(array("d", np.array(oxy) + off[0]), "uM"),
        "hhb": Column(array("d", np.array(deoxy) + off[1]), "uM"),
    }
    marks = [mark for one in starts for mark in (Mark(one, "Occlusion"), Mark(one + 5.0, "Relaxation"))]
    return checked("made", "", "made", array("d", times), columns, tuple(marks))


def analysed(made: Recording, **choices: Any) -> Result:
    return oxidative_capacity.analyse(made, PROBE, Limb.LEFT_THIGH, Choices(**choices))


def ids(result: Result) -> set[str]:
    return {one.id for one in result.flags}


@pytest.mark.parametrize("way", ["whole", "steepest-3s"])
def test_a_known_k_comes_back_inside_its_interval(way: str) -> None:
    result = analysed(series(), way=way)
    k = result.value("k_per_min")
    assert k.value == pytest.approx(K_PER_MIN, rel=0.08)
    assert k.low is not None
    assert k.high is not None
    assert k.low < K_PER_MIN < k.high
    assert (k.unit, k.samples, k.definition) == ("1/min", 12, f"hhb-beever2020/{way}")
    assert result.value("time_constant").value == pytest.approx(60.0 / K_PER_MIN, rel=0.08)
    assert result.value("consumption_end").value == pytest.approx(0.15, abs=0.03)
    assert ids(result) <= {"poor_line"}


def test_the_resting_occlusions_are_reported_and_not_fitted() -> None:
    result = analysed(series(), way="whole")
    rates = [one.value for one in result.values if one.name == "oxygen_consumption"]
    assert len(rates) == 14
    assert rates[:2] == pytest.approx([0.15, 0.15], abs=0.02)
    parameter = next(one for one in result.parameters if one.name == "series")
    assert parameter.value == tuple(str(at) for at in range(3, 15))


def test_without_correction_blood_volume_spoils_the_slopes() -> None:
    corrected, plain = (
        analysed(series(inflow=0.6), signal=signal, way="whole").value("k_per_min")
        for signal in ("hhb-beever2020", "hhb-uncorrected")
    )
    assert (corrected.r_squared or 0.0) > 0.98
    assert (plain.r_squared or 0.0) < (corrected.r_squared or 0.0) - 0.02


@pytest.mark.parametrize("signal", ["hhb-ryan2012", "sto2"])
def test_other_signals_find_k_too(signal: Any) -> None:
    made = with_saturation_of_haemoglobin(series(inflow=0.0))
    result = analysed(made, signal=signal, way="whole")
    assert result.value("k_per_min").value == pytest.approx(K_PER_MIN, rel=0.1)
    assert result.value("oxygen_consumption", "5").unit == ("%/s" if signal == "sto2" else "uM/s")
    assert (result.value("oxygen_consumption", "5").value or 0.0) > 0.0


def test_k_of_saturation_and_of_haemoglobin_never_compare() -> None:
    made = with_saturation_of_haemoglobin(series())
    with pytest.raises(NotComparable, match="definition"):
        change(analysed(made), analysed(made, signal="sto2"), "k_per_min")


def rising(at_s: float) -> float:
    return consumption(at_s) + 0.002 * max(0.0, at_s - 90.0)


@pytest.mark.parametrize(
    ("made", "flag"),
    [
        (lambda: series(4), "too_few_occlusions"),
        (lambda: series(rate=lambda t: 0.2 + 0.8 * (1.0 - math.exp(-t / 30.0))), "no_recovery"),
        (lambda: series(20, rate=rising), "drift_after_recovery"),
        (lambda: series(rate=lambda t: consumption(t) - 0.3), "no_deoxygenation"),
    ],
    ids=["few", "rises", "drifts", "gives oxygen"],
)
def test_series_that_are_none_are_flagged(made: Callable[[], Recording], flag: str) -> None:
    result = analysed(made(), way="whole")
    assert flag in ids(result)
    if flag in ("too_few_occlusions", "no_recovery"):
        assert result.value("k_per_min").value is None


def test_constant_signals_give_no_k() -> None:
    made = series(noise=0.0)
    flat = {name: Column(array("d", [50.0] * len(made.times_s)), "uM") for name in ("o2hb", "hhb")}
    result = analysed(checked("flat", "", "made", made.times_s, flat, made.marks))
    assert result.value("k_per_min").value is None
    assert "no_recovery" in ids(result)
    flags = [one for one in result.flags if one.about == "oxygen_consumption"]
    assert [one.id for one in flags] == ["no_deoxygenation", "poor_line"]
    assert all("in 14, which are 1, 2, 3" in one.text for one in flags)


def test_a_cuff_below_the_systolic_occludes_nothing_here_too() -> None:
    made = series()
    spans = [(one.at_s, two.at_s) for one, two in pairwise(made.marks) if one.text == "Occlusion"]
    held = [100.0 if any(begin <= t < end for begin, end in spans) else 0.0 for t in made.times_s]
    columns = {**made.columns, "cuff": Column(array("d", held), "mmHg")}
    cuffed = checked("made", "", "made", made.times_s, columns)
    found = analysed(cuffed)
    assert found.value("k_per_min").value == pytest.approx(K_PER_MIN, rel=0.1)
    assert "occlusion_unverified" in ids(found)
    with pytest.raises(TraceUnusable, match="nothing was occluded"):
        oxidative_capacity.analyse(cuffed, PROBE, None, None, systolic_mmhg=120.0)


def test_slopes_have_no_interval_and_k_has() -> None:
    result = analysed(series())
    slopes = [one for one in result.values if one.name == "oxygen_consumption"]
    assert all((one.low, one.high, one.confidence) == (None, None, None) for one in slopes)
    assert all(one.r_squared is not None for one in slopes)
    assert result.value("k_per_min").confidence == 0.95


def test_k_of_ryan_says_what_it_is_anchored_to() -> None:
    result = analysed(portamon(), signal="hhb-ryan2012")
    assert result.value("k_per_min").value == pytest.approx(4.52, abs=0.01)
    (flag,) = (one for one in result.flags if one.id == "anchor_matters")
    assert (flag.severity, flag.about) == (Severity.DOUBTFUL, "k_per_min")
    assert "anchored at the recording's first sample k is 2.64 /min" in flag.text
    assert next(one.value for one in result.parameters if one.name == "anchor")
    assert "anchor_matters" not in ids(analysed(portamon()))


def test_missing_samples_make_a_missing_slope() -> None:
    made = series()
    begin = next(at for at, t in enumerate(made.times_s) if t >= 231.0)
    made.columns["hhb"].values[begin : begin + 30] = array("d", [math.nan] * 30)
    result = analysed(made)
    assert result.value("oxygen_consumption", "5").value is None
    assert result.value("k_per_min").samples == 11
    assert "no_slope" in ids(result)


def test_occlusions_that_are_too_short_for_the_window_have_no_slope() -> None:
    made = series()
    marks = tuple(Mark(one.at_s - 2.0, one.text) if "Relax" in one.text else one for one in made.marks)
    short = checked("short", "", "made", made.times_s, made.columns, marks)
    result = analysed(short)
    assert {one.id for one in result.flags} == {"no_slope", "too_few_occlusions"}
    assert analysed(short, way="whole").value("k_per_min").value is not None


def test_what_cannot_be_analysed_is_refused() -> None:
    made = series()
    with pytest.raises(TraceUnusable, match="no marks"):
        analysed(checked("made", "", "made", made.times_s, made.columns))
    with pytest.raises(DefinitionUnknown, match="'fastest'"):
        analysed(made, way="fastest")
    with pytest.raises(DefinitionUnknown, match="'tsi'"):
        analysed(made, signal="tsi")


def test_the_result_goes_through_json() -> None:
    result = analysed(series())
    assert decode(encode(result)) == result
    assert b'"k_per_min"' in encode(result)


def portamon() -> Recording:
    return read(recording("nirs/portamon_vastus_lateralis_repeated_occlusions.csv"), 10.0)


def test_the_portamon_recording() -> None:
    """Three occlusions at rest, sixteen after exercise; from 1.0 to 0.15 uM/s, then it drifts up."""
    result = analysed(portamon())
    rates = [one.value for one in result.values if one.name == "oxygen_consumption"]
    assert len(rates) == 19
    assert rates[3:9] == pytest.approx([1.038, 0.605, 0.383, 0.322, 0.189, 0.163], abs=0.001)
    k = result.value("k_per_min")
    assert k.samples == 16
    assert (k.value, k.low, k.high) == pytest.approx((3.16, 2.35, 3.97), abs=0.01)
    assert k.r_squared == pytest.approx(0.966, abs=0.001)
    assert ids(result) == {"drift_after_recovery", "marks_unpaired"}  # "B4 Relaxation" ends nothing


def test_it_agrees_with_what_mnirs_finds_in_the_same_recording() -> None:
    """Its published example (windows of nearly the same length): slopes 1.044 ... 0.1902, k 0.05174 /s."""
    result = analysed(portamon())
    rates = [one.value for one in result.values if one.name == "oxygen_consumption"]
    assert rates[3:8] == pytest.approx([1.044, 0.6122, 0.3869, 0.3275, 0.1902], rel=0.02)
    assert result.value("k_per_min").value == pytest.approx(60 * 0.05174, rel=0.03)


def test_it_takes_less_than_a_second() -> None:
    made = portamon()
    begun = time.process_time()
    analysed(made)
    assert time.process_time() - begun < 1.0
