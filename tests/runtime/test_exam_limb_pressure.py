"""Limb occlusion pressure and oxidative capacity in virtual time, and what a measured pressure unlocks."""

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
)
from gateway.runtime.requests import EXIT_REFUSED, SessionCuffRemoved, SessionStop
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
    assert [body["cycle"] for body in room.bodies(InflationStarted)] == [1, 2]
    room.enter()
    assert above(room)[0] == EXIT_REFUSED, "not before a result is stored"

    doubtful = Flag(id="low_confidence", severity=Severity.DOUBTFUL, text="wide interval")
    stored = room.store(msgspec.structs.replace(result, flags=(*result.flags, doubtful)))
    assert "no target above 250 mmHg may rely on it" in stored.message
    assert "wide interval" in stored.message
    assert (above(room)[0], room.rows(LimbPressureMeasured)) == (EXIT_REFUSED, [])

    for forged in (
        {"value": SYSTOLIC - 1.0, "low": SYSTOLIC - 2.0},
        {"value": 302.0, "high": 302.0},
        {"high": 1e300},
        {"unit": "kPa"},
    ):
        values = [msgspec.structs.replace(one, **forged) if one.of == "" else one for one in result.values]
        reply = room.store(msgspec.structs.replace(result, values=tuple(values)))
        assert "counts in this session" not in reply.message, forged
    assert "cuff_flattening" in room.store(msgspec.structs.replace(result, definition="mine")).message
    assert (above(room)[0], room.rows(LimbPressureMeasured)) == (EXIT_REFUSED, [])

    assert "counts in this session" in room.store(result).message
    room.store(msgspec.structs.replace(result, flags=(*result.flags, doubtful)))
    assert above(room)[0] == EXIT_REFUSED, "what was doubted since counts no longer"
    assert "counts in this session" in room.store(result).message
    *_, row = room.bodies(LimbPressureMeasured)
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
    assert (too_low.exit_code, "may not occlude this limb" in too_low.message) == (EXIT_REFUSED, True)

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
    assert len(room.bodies(ExaminationResult)) == 9


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


def test_a_series_that_is_stopped_ends_with_the_session(quick: ExamRoom) -> None:
    quick.begin("oxidative-capacity")
    quick.run_until("rest")
    quick.bedside.ask(SessionStop())
    quick.bedside.run(5_000)
    (ended,) = quick.bodies(ExaminationEnded)
    assert (ended["outcome"], ended["reason"]) == ("stopped", Reason.STOPPED_BY_OPERATOR.value)
    assert len(quick.rows(InflationStarted)) == 1
