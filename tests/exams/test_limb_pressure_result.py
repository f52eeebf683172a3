"""What recorded runs say of the limb occlusion pressure, and which are refused."""

from array import array
from typing import Any

import pytest

from dsp.cuff_reading import MAXIMUM_SLOPE, RATIOS_BMRI_2017
from gateway.exams.errors import TraceUnusable
from gateway.exams.limb_pressure_result import Circumstances, Run, analyse, runs_of
from gateway.exams.result import Probe, Result, Severity, Source, decode, encode
from gateway.model import Limb
from tests.dsp.cuff import Cuff, climb
from tests.recordings import recording

RATE_HZ = 100.0
LYING = Circumstances(Limb.LEFT_UPPER_ARM, "supine", 130, 120)
PROBE = Probe(device="cuff of this test", site="upper arm")


def run(**changes: Any) -> Run:
    return Run(Cuff(**({"rate_hz": RATE_HZ} | changes)).run(), RATE_HZ)


def judged(*runs: Run, circumstances: Circumstances = LYING, **more: Any) -> Result:
    return analyse(runs, circumstances, PROBE, Source(name="of this test"), **more)


def test_two_runs_give_a_median_and_a_spread() -> None:
    found = judged(run(closed_mmhg=140.0), run(closed_mmhg=146.0))
    assert found.value("limb_occlusion_pressure").value == pytest.approx(143, abs=5)
    assert 0 <= (found.value("spread").value or 0) <= 12
    first = found.value("limb_occlusion_pressure", "1")
    assert first.definition == "cuff_flattening"
    assert first.low is not None
    assert first.high is not None
    assert first.value is not None
    assert first.low <= first.value <= first.high
    names = {one.name for one in found.parameters}
    assert names == {"cuff_width", "systolic", "mains", "missing_below_systolic", "systolic_within"}
    assert decode(encode(found)) == found


def test_runs_that_differ_are_doubtful() -> None:
    found = judged(run(closed_mmhg=120.0), run(closed_mmhg=150.0))
    assert "runs_apart" in {flag.id for flag in found.flags}


def test_a_refused_run_stays_with_its_reason_and_one_run_has_no_spread() -> None:
    found = judged(run(), run(closed_mmhg=260.0))
    assert found.value("limb_occlusion_pressure", "2").value is None
    refused = [flag for flag in found.flags if flag.id == "run_refused"]
    assert [(flag.of, flag.severity) for flag in refused] == [("2", Severity.MISSING)]
    assert "not_closed" in refused[0].text
    assert found.value("spread").value is None
    assert "not_repeated" in {flag.id for flag in found.flags}


def test_a_distal_sensor_is_another_definition() -> None:
    pressures, distal = climb()
    found = judged(Run(pressures, RATE_HZ, distal), Run(pressures, RATE_HZ, distal))
    assert found.definition == "distal_disappearance"
    assert found.value("limb_occlusion_pressure").value == pytest.approx(180, abs=10)
    assert found.value("spread").value == 0.0


@pytest.mark.parametrize("by", [RATIOS_BMRI_2017, MAXIMUM_SLOPE])
def test_blood_pressures_can_be_read_beside(by: Any) -> None:
    found = judged(run(), run(), pressures_by=by)
    assert found.value("mean", "1").value == pytest.approx(90, abs=5)
    systolic = found.value("systolic", "1")
    assert systolic.value is not None
    assert systolic.value > 95


@pytest.mark.parametrize(
    ("circumstances", "match"),
    [
        (LYING._replace(posture="sitting"), "supine"),
        (LYING._replace(cuff_width_mm=0), "width"),
        (LYING._replace(systolic_mmhg=0), "systolic"),
    ],
)
def test_circumstances_are_part_of_the_number(circumstances: Circumstances, match: str) -> None:
    with pytest.raises(TraceUnusable, match=match):
        judged(run(), circumstances=circumstances)


def below(result: Result) -> list[tuple[str, Severity]]:
    return [(one.of, one.severity) for one in result.flags if one.id == "below_systolic"]


def test_a_pressure_below_the_stated_systolic_is_doubtful_and_far_below_it_none() -> None:
    lying = LYING._replace(systolic_mmhg=145)
    assert below(judged(run(closed_mmhg=150.0), run(closed_mmhg=150.0), circumstances=lying)) == []
    near = judged(run(closed_mmhg=138.0), run(closed_mmhg=138.0), circumstances=lying)
    doubtful = Severity.DOUBTFUL
    assert below(near) == [("1", doubtful), ("2", doubtful), ("", doubtful)]
    far = judged(run(closed_mmhg=120.0), run(closed_mmhg=155.0), circumstances=lying)
    assert far.value("limb_occlusion_pressure", "1").value is None
    assert below(far) == [("1", Severity.MISSING)]
    assert far.value("limb_occlusion_pressure").value == far.value("limb_occlusion_pressure", "2").value
    with pytest.raises(
        TraceUnusable, match=r"run 1: 1\d\d mmHg was read, \d\d below the stated systolic 165"
    ):
        judged(run(), circumstances=LYING._replace(systolic_mmhg=165))


def test_a_systolic_far_from_the_stated_one_is_doubtful() -> None:
    def ids(systolic_mmhg: int) -> set[str]:
        lying = LYING._replace(systolic_mmhg=systolic_mmhg)
        return {one.id for one in judged(run(), circumstances=lying, pressures_by=RATIOS_BMRI_2017).flags}

    assert "systolic_differs" in ids(90)
    assert "systolic_differs" not in ids(120)


def test_a_distal_pulse_that_stays_is_refused_with_where_it_stays() -> None:
    pressures, distal = climb(left=0.2)
    own = Run(pressures, RATE_HZ, distal)
    with pytest.raises(TraceUnusable, match=r"a pulse of 2\d % of the largest.*\(still_pulsing\)"):
        judged(own)
    gone = judged(Run(*climb()[:1], RATE_HZ, climb()[1]))
    assert next(one.value for one in gone.parameters if one.name == "distal_gone_share") == 0.1


def test_nothing_readable_is_refused_with_every_reason() -> None:
    flat = Run(array("d", [100.0]) * 6000, RATE_HZ)
    with pytest.raises(TraceUnusable, match=r"run 1: .*constant.*run 2: .*empty"):
        judged(flat, Run(array("d"), RATE_HZ))
    with pytest.raises(TraceUnusable, match="no run of the cuff"):
        judged()
    with pytest.raises(TraceUnusable, match="read them apart"):
        judged(run(), Run(*climb()[:1], RATE_HZ, climb()[1]))


def test_runs_are_cut_from_a_session_with_their_distal_sensor() -> None:
    pressures, distal = climb()
    idle = array("d", [0.0]) * 3000
    found = runs_of(idle + pressures + idle, RATE_HZ, idle + distal + idle)
    assert len(found) == 1
    assert judged(*found).value("limb_occlusion_pressure", "1").value == pytest.approx(180, abs=10)


def test_six_real_arms_are_read_or_refused_by_name() -> None:
    names = ("1_130-80", "2_110-70", "3_108-72", "4_115-65", "5_120-70", "6_100-60")
    for name in names:
        text = recording(f"cuff/cuff_{name}.dat").read_text()
        pressures = array("d", [(float(line.split()[2]) + 0.1) / 0.0025 for line in text.splitlines()])
        (one,) = runs_of(pressures, 1000.0)
        systolic = int(name.split("_")[1].split("-")[0])
        found = judged(
            one, circumstances=LYING._replace(systolic_mmhg=systolic), pressures_by=RATIOS_BMRI_2017
        )
        assert found.value("limb_occlusion_pressure", "1").value == pytest.approx(systolic + 10, abs=20)
