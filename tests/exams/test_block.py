"""Conduction block: what is not known, what an outcome stands on, and how it is said."""

import msgspec
import pytest

from gateway.exams import criteria
from gateway.exams.block import NerveOutcome
from gateway.exams.conduction import MotorNerve
from gateway.exams.errors import TraceUnusable
from gateway.exams.sheet import sheet
from gateway.model import Side
from tests.exams.test_conduction import BLOCKED, CIDP, MMN, example, judged, motor, outcome, sites


def test_a_grade_that_stands_on_a_limit_says_so_where_it_is_read() -> None:
    found = judged(example(10.0), BLOCKED[1])
    said = "meets definite block by efns-pns-2010-mmn, provided the laboratory's lower limit of normal, "
    assert found.findings["median left"].startswith(said)
    assert "below 28.5 mV" in found.findings["median left wrist-elbow"]
    assert found.findings["patient by patient-olney-2003"].startswith("indeterminate (block by")
    assert any("whether the laboratory's lower limit" in flag.text for flag in found.flags)


def test_a_patient_rule_fed_by_its_own_limits_does_not_doubt_them() -> None:
    own = msgspec.structs.replace(MMN, id=criteria.PATIENT_RULE.block_table)
    found = judged(*BLOCKED, table=own)
    assert "by its own limits" in found.findings["patient by patient-olney-2003"]
    assert "other_limits" not in {flag.id for flag in found.flags}


def test_a_larger_proximal_response_is_no_absence_of_block() -> None:
    found = outcome(motor(("wrist", 1.0, 8.0, 6.0), ("elbow", 6.0, 44.0, 6.0), limit=4.0))
    assert found.outcome == "indeterminate"
    (reason,) = found.reasons
    assert all(word in reason for word in ("exchanged", "supramaximal", "anastomosis"))
    assert outcome(motor(("wrist", 5.0, 8.0, 6.0), ("elbow", 6.0, 8.0, 6.0), limit=4.0)).outcome == "none"
    absent = outcome(motor(("wrist", 0.0, 0.0, None), ("elbow", 6.0, 44.0, 6.0), limit=4.0))
    assert absent.reasons == found.reasons
    result = judged(motor(("wrist", 1.0, 8.0, 6.0), ("elbow", 6.0, 44.0, 6.0)))
    assert "exchanged" in result.findings["median left"]


def stimulated(distal: bool | None, proximal: bool | None, elbow_mv: float) -> NerveOutcome:
    rows = ("wrist", 6.0, 10.0, 6.0), ("elbow", elbow_mv, 10.0 * elbow_mv / 6.0, 6.0)
    both = zip(sites(*rows), (distal, proximal), strict=True)
    made = tuple(msgspec.structs.replace(site, supramaximal=shown) for site, shown in both)
    return outcome(MotorNerve(nerve="median", side=Side.LEFT, sites=made, lower_limit_mv=4.0))


def test_no_block_needs_a_supramaximal_distal_stimulus() -> None:
    assert stimulated(False, True, 5.9).outcome == "indeterminate"
    assert "wrist was not supramaximal" in stimulated(False, True, 5.9).reasons[0]
    assert any("wrist was not shown" in note for note in stimulated(None, True, 5.9).notes)
    sure = stimulated(True, None, 5.9)
    assert (sure.outcome, sure.notes) == ("none", ())


def test_block_needs_a_supramaximal_proximal_stimulus() -> None:
    assert stimulated(True, False, 1.0).outcome == "indeterminate"
    assert any("elbow was not shown" in note for note in stimulated(True, None, 1.0).notes)
    assert stimulated(None, True, 1.0).notes == ()
    assert stimulated(None, True, 1.0).outcome == "definite"


def test_an_entrapment_site_is_told_under_every_table() -> None:
    rows = ("below_elbow", 6.0, 10.0, 6.0), ("above_elbow", 2.0, 3.0, 6.0)
    found = outcome(motor(*rows, nerve="ulnar", limit=4.0), CIDP)
    assert found.outcome == "definite"
    assert any("entrapment site, elbow: counts by efns-pns-2010-cidp" in note for note in found.notes)


def test_a_complete_block_is_at_least_probable_and_asks_for_nothing_that_cannot_be() -> None:
    nerve = motor(("wrist", 5.7, 41.5, 6.0), ("elbow", 0.0, 0.0, None))
    found = outcome(nerve)
    assert (found.outcome, found.at_least, found.missing) == ("indeterminate", "probable", ())
    assert found.segments[0].would_be == ()
    assert found.reasons == ("no proximal response, so its duration does not exist",)
    said = judged(nerve).findings["median left wrist-elbow"]
    assert said == (
        "indeterminate: at least probable block by efns-pns-2010-mmn; no proximal response, so its duration "
        "does not exist"
    )


@pytest.mark.parametrize(
    ("area", "at_least"), [(8.2, "probable"), (20.75, "probable"), (25.0, "none"), (None, "none")]
)
def test_what_holds_whatever_is_missing_is_said(area: float | None, at_least: str) -> None:
    found = outcome(motor(("wrist", 5.7, 41.5, None), ("elbow", 4.0, area, None)))
    assert (found.outcome, found.at_least) == ("indeterminate", at_least)


def test_microvolts_are_no_millivolts() -> None:
    with pytest.raises(TraceUnusable, match="is it in uV"):
        judged(motor(("wrist", 5700.0, 41500.0, 6.0), ("elbow", 1200.0, 8200.0, 6.6)))


def test_nothing_is_minus_zero() -> None:
    found = judged(motor(("wrist", 6.0, 10.0, 6.0), ("elbow", 6.0, 10.0, 6.0)))
    assert "-0 " not in sheet(found)
    assert str(found.value("duration_rise", "median left wrist-elbow").value) == "0.0"


def test_what_cannot_be_measured_says_why() -> None:
    found = judged(motor(("wrist", 6.0, 10.0, 6.0), ("elbow", 0.0)))
    why = {flag.about: flag.text for flag in found.flags if flag.of == "median left elbow"}
    assert why == {"area": "no response", "duration": "no response", "onset": "no response"}
    rise = [flag.text for flag in found.flags if flag.about == "duration_rise"]
    assert rise == ["needs the duration at both sites"]
