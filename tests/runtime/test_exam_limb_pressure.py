"""Limb occlusion pressure and oxidative capacity in virtual time, and what a measured pressure unlocks."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from gateway.exams.errors import TraceUnusable
from gateway.exams.result import Flag, Result, Severity
from gateway.model import Limb, Reason
from gateway.record.events import (
    ExaminationEnded,
    ExaminationResult,
    InflationAuthorised,
    InflationStarted,
    LimbPressureMeasured,
    PrescriptionBegun,
)
from gateway.runtime.requests import (
    EXIT_NOT_NOW,
    EXIT_REFUSED,
    EXIT_USAGE,
    SessionBegin,
    SessionCuffRemoved,
    SessionStop,
)
from gateway.simulation.models import CUFFS, PADDED_LIMB
from tests.runtime.exam_room import ExamRoom

SYSTOLIC = 155
BODY = replace(PADDED_LIMB, systolic_mmhg=float(SYSTOLIC), diastolic_mmhg=100.0)
ABOVE = {"margin_mmhg": 100, "occlusion_ms": 45_000, "baseline_ms": 20_000, "recovery_ms": 30_000}
"""To 255 mmHg."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ExamRoom, Result]]:
    """Somebody whose limb occlusion pressure was just measured, its result not yet sent."""
    room = ExamRoom(tmp_path_factory.mktemp("limb") / "journal.db", "thigh_cuff", BODY)
    assert not room.arm().exit_code
    assert not room.begin("limb-pressure", "supine").exit_code
    over = room.run_to_the_end()
    assert over["outcome"] == "completed", over
    yield room, room.analyse()
    room.bedside.close()


def changed(result: Result, **how: float | str) -> Result:
    """The result with another whole pressure."""
    values = [msgspec.structs.replace(one, **how) if one.of == "" else one for one in result.values]
    return msgspec.structs.replace(result, values=tuple(values))


def above(room: ExamRoom, posture: str = "supine") -> tuple[int, str]:
    reply = room.begin("occlusion-test", posture, **ABOVE)
    return reply.exit_code, reply.message


def test_what_a_measured_pressure_unlocks_and_for_how_long(measured: tuple[ExamRoom, Result]) -> None:
    room, result = measured
    found = result.value("limb_occlusion_pressure", "").value
    assert found == pytest.approx(BODY.occlusion_mmhg, abs=20.0)
    for of in ("", "1", "2"):
        one = result.value("limb_occlusion_pressure", of)
        assert one.low is not None
        assert one.high is not None
        assert one.low <= BODY.occlusion_mmhg <= one.high, "from step to step"
    assert [flag.of for flag in result.flags if flag.id == "stepped"] == ["1", "2"]
    (unwatched,) = [flag for flag in result.flags if flag.id == "pulse_unwatched"]
    assert (unwatched.severity, "climbed to the top, 300 mmHg" in unwatched.text) == (Severity.NOTE, True)
    assert [body["cycle"] for body in room.bodies(InflationStarted)] == [1, 2]
    room.enter()
    assert above(room)[0] == EXIT_REFUSED, "not before a result is stored"

    doubtful = Flag(id="low_confidence", severity=Severity.DOUBTFUL, text="wide interval")
    forged = {
        "outside": {"value": SYSTOLIC - 1.0, "low": SYSTOLIC - 2.0},
        "above all": {"value": 302.0, "high": 302.0},
        "no end": {"high": 1e300},
        "unit": {"unit": "kPa"},
        "lower, within what was climbed": {"value": found - 8.0, "low": found - 18.0, "high": found + 2.0},
        "higher, within what was climbed": {"value": found + 8.0, "high": found + 18.0},
        "a narrower interval": {"high": found + 1.0},
        "the last bit": {"value": math.nextafter(found, 0.0)},
    }
    documents = {what: changed(result, **how) for what, how in forged.items()}
    documents["another definition"] = msgspec.structs.replace(result, definition="mine")
    documents["a doubt more"] = msgspec.structs.replace(result, flags=(*result.flags, doubtful))
    documents["a doubt less"] = msgspec.structs.replace(result, flags=result.flags[1:])
    for what, document in documents.items():
        reply = room.store(document)
        said = "core reads something else from its own recording"
        assert (reply.exit_code, said in reply.message) == (EXIT_REFUSED, True), (what, reply)
    assert room.rows(ExaminationResult) == []
    assert (above(room)[0], room.rows(LimbPressureMeasured)) == (EXIT_REFUSED, [])

    stored = room.store(result)
    assert "counts in this session" in stored.message
    assert room.store(result) == stored, "the same again is the same answer"
    assert [len(room.rows(kind)) for kind in (ExaminationResult, LimbPressureMeasured)] == [1, 1]
    (row,) = room.bodies(LimbPressureMeasured)
    assert BODY.occlusion_mmhg <= row["high_mmhg"] <= BODY.occlusion_mmhg + 20
    assert (row["systolic_mmhg"], row["posture"], row["limb"]) == (SYSTOLIC, "supine", "left_thigh")

    code, said = above(room, "")
    assert (code, "another posture" in said) == (EXIT_REFUSED, True), said
    for moved in (SYSTOLIC - 21, SYSTOLIC + 21):
        room.enter(systolic=moved)
        refused = room.begin("occlusion-test", "supine", **{**ABOVE, "margin_mmhg": 120})
        assert (refused.exit_code, "mmHg apart" in refused.message) == (EXIT_REFUSED, True), refused
    room.enter(systolic=SYSTOLIC + 20)
    too_low = room.begin("occlusion-test", "supine", **{**ABOVE, "margin_mmhg": 20})
    assert (too_low.exit_code, "may not occlude this limb" in too_low.message) == (EXIT_REFUSED, True), (
        too_low
    )

    room.enter()
    assert above(room)[0] == 0
    room.run_until("holding")
    assert room.bodies(InflationAuthorised)[-1]["target_dmmhg"] == 2550
    over = room.run_to_the_end()
    assert (over["outcome"], room.state["mode"]) == ("completed", "session")

    # the systolic moves between the question and the inflation: the supervisor says no, until it is back
    room.enter()
    assert above(room)[0] == 0
    inflated = len(room.rows(InflationStarted))
    room.enter(systolic=SYSTOLIC + 21)
    room.bedside.run(120_000)
    assert room.state["waiting_for"] == "target_needs_limb_pressure"
    assert len(room.rows(InflationStarted)) == inflated
    room.enter(systolic=SYSTOLIC + 20)
    room.run_until("holding")
    assert room.bodies(InflationAuthorised)[-1]["target_dmmhg"] == 2750
    room.bedside.ask(SessionStop())
    room.bedside.run(12_000)

    # another session knows nothing of it, nor does one on another limb
    assert room.arm().exit_code == 0
    code, said = above(room)
    assert (code, "no limb occlusion pressure was measured" in said) == (EXIT_REFUSED, True), said
    assert not room.bedside.ask(SessionCuffRemoved()).exit_code
    assert room.arm(Limb.LEFT_UPPER_ARM).exit_code == 0
    code, said = above(room)
    assert (code, "no limb occlusion pressure was measured" in said) == (EXIT_REFUSED, True), said


STIFF = replace(BODY, occlusion_margin_mmhg=105.0)
"""A limb that needs 260 mmHg."""


def test_a_prescription_follows_a_measured_limb_pressure_where_a_person_says_so(tmp_path: Path) -> None:
    room = ExamRoom(tmp_path / "journal.db", "thigh_cuff", STIFF)
    assert not room.arm(prescription="demo").exit_code

    def begin(posture: str = "supine", *, lifted: bool = True) -> tuple[int, str]:
        reply = room.bedside.ask(SessionBegin(confirm=True, posture=posture, at_limb_pressure=lifted))
        return reply.exit_code, reply.message

    code, said = begin()
    assert (code, "no limb occlusion pressure was measured" in said) == (EXIT_REFUSED, True), said
    assert not room.begin("limb-pressure", "supine").exit_code
    room.run_to_the_end()
    assert "counts in this session" in room.store(room.analyse()).message
    high = int(str(room.bodies(LimbPressureMeasured)[0]["high_mmhg"]))
    assert 260 <= high <= 280

    room.enter()
    code, said = begin(lifted=False)
    assert (code, "would congest the limb" in said) == (EXIT_REFUSED, True), said
    code, said = begin("sitting")
    assert (code, "another posture" in said) == (EXIT_REFUSED, True), said
    assert begin("Über")[0] == EXIT_USAGE
    assert room.rows(PrescriptionBegun) == []
    assert begin()[0] == 0
    (begun,) = room.bodies(PrescriptionBegun)
    assert (begun["posture"], begun["least_mmhg"]) == ("supine", high)

    # begun, and then the systolic moves: nothing is given above 250, nor below what the limb needs
    inflated = len(room.rows(InflationStarted))
    for moved, waits in (
        (SYSTOLIC + 21, "target_below_systolic"),
        (SYSTOLIC - 21, "target_below_systolic"),
    ):
        room.enter(systolic=moved)
        room.bedside.run(400_000 if room.state["waiting_for"] == "ischaemia_debt" else 30_000)
        room.enter(systolic=moved)
        room.bedside.run(2_000)
        assert room.state["waiting_for"] == waits
        assert len(room.rows(InflationStarted)) == inflated
    room.enter(systolic=SYSTOLIC + 20)
    room.run_until_inflating()
    assert room.bodies(InflationAuthorised)[-1]["target_dmmhg"] == high * 10
    room.bedside.run(3_000)
    assert room.bedside.core is not None
    assert room.bedside.core.state.inflation is not None
    room.bedside.close()


def test_a_pressure_just_above_the_systolic_cannot_be_read_and_is_no_number(tmp_path: Path) -> None:
    room = ExamRoom(tmp_path / "journal.db")
    assert not room.arm().exit_code
    assert not room.begin("limb-pressure", "supine", step_ms=5_000).exit_code
    room.run_to_the_end()
    with pytest.raises(TraceUnusable, match="no run could be read"):
        room.analyse()
    room.bedside.close()


# --- oxidative capacity ----------------------------------------------------------------------------------


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[ExamRoom]:
    """A cuff that a reservoir fills."""
    found = ExamRoom(tmp_path / "journal.db", "reservoir_cuff", "limb")
    assert not found.arm().exit_code
    yield found
    found.bedside.close()


def test_a_series_of_short_occlusions(quick: ExamRoom) -> None:
    assert not quick.begin("oxidative-capacity", occlusions=6).exit_code
    over = quick.run_to_the_end()
    assert over["outcome"] == "completed"
    assert [body["cycle"] for body in quick.bodies(InflationStarted)] == [1, 2, 3, 4, 5, 6]
    assert {body["purpose"] for body in quick.bodies(InflationStarted)} == {"short_occlusions"}
    result = quick.analyse()
    slopes = [one for one in result.values if one.name == "oxygen_consumption"]
    assert (len(slopes), result.definition) == (6, "sto2/steepest-3s")
    assert quick.store(result).message == "result stored"
    assert quick.bedside.core is not None
    assert quick.bedside.core.session is not None
    fill_ms = quick.bedside.core.session.examining.fill_ms
    assert fill_ms == pytest.approx(750, abs=50)
    assert "(0.75 s up" in CUFFS["reservoir_cuff"].description, "what it says of itself is what it does"


def test_a_second_series_does_not_live_on_the_first_one_s_blood_pressure(quick: ExamRoom) -> None:
    quick.bedside.run(150_000)
    assert not quick.begin("oxidative-capacity", occlusions=5).exit_code
    quick.run_to_the_end()
    quick.bedside.run(120_000)
    second = quick.begin("oxidative-capacity", occlusions=5)
    assert (second.exit_code, "blood pressure" in second.message) == (EXIT_NOT_NOW, True), second
    quick.enter()
    assert not quick.begin("oxidative-capacity", occlusions=5).exit_code
    quick.run_to_the_end()
    assert len(quick.rows(InflationStarted)) == 10


def test_a_series_that_is_stopped_ends_with_the_session(quick: ExamRoom) -> None:
    quick.begin("oxidative-capacity")
    quick.run_until("rest")
    quick.bedside.ask(SessionStop())
    quick.bedside.run(5_000)
    (ended,) = quick.bodies(ExaminationEnded)
    assert (ended["outcome"], ended["reason"]) == ("stopped", Reason.STOPPED_BY_OPERATOR.value)
    assert len(quick.rows(InflationStarted)) == 1
