"""What must be settled before anything energises: each missing answer alone refuses."""

from dataclasses import replace

import pytest

from gateway.model import Limb, Reason
from gateway.safety.limits import HARD
from gateway.safety.readiness import Check, Readiness, missing
from tests.safety.bedside import LIMB, READY, Bedside


def test_a_whole_list_of_answers_leaves_nothing_missing() -> None:
    assert missing(HARD, LIMB, READY) == ()


def test_no_answer_is_every_check() -> None:
    of_the_cuff = {Check.OFF_EVERY_LIMB}
    assert missing(HARD, LIMB, Readiness()) == tuple(check for check in Check if check not in of_the_cuff)


def test_a_cuff_that_is_tested_alone_must_be_off_every_limb() -> None:
    assert missing(HARD, None, Readiness()) == (Check.OFF_EVERY_LIMB, Check.SELF_TEST, Check.BUTTON)
    proven = Readiness(off_every_limb=True, self_test_passed=True, pressed_ago_ms=60_000)
    assert missing(HARD, None, proven) == ()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"screened": False}, Check.SCREENING),
        ({"skin_seen": False}, Check.SKIN),
        ({"limb_confirmed": False}, Check.LIMB),
        ({"cuff_width_mm": None}, Check.CUFF_WIDTH),
        ({"cuff_width_mm": 0}, Check.CUFF_WIDTH),
        ({"nothing_under_cuff": False}, Check.NOTHING_UNDER_CUFF),
        ({"probe_distal": False}, Check.PROBE),
        ({"circumference_mm": None}, Check.CIRCUMFERENCE),
        ({"circumference_mm": 0}, Check.CIRCUMFERENCE),
        ({"circumference_mm": 771}, Check.CIRCUMFERENCE),
        ({"self_test_passed": False}, Check.SELF_TEST),
        ({"pressed_ago_ms": None}, Check.BUTTON),
        ({"pressed_ago_ms": -1}, Check.BUTTON),
        ({"pressed_ago_ms": 60_001}, Check.BUTTON),
    ],
)
def test_one_missing_answer_refuses_the_inflation(change: dict[str, object], check: Check) -> None:
    ready = replace(READY, **change)  # type: ignore[arg-type]
    assert missing(HARD, LIMB, ready) == (check,)
    bed = Bedside()
    bed.arm(readiness=ready)
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.NOT_READY


@pytest.mark.parametrize(
    "change",
    [
        {"circumference_mm": 770},
        {"circumference_mm": 1},
        {"cuff_width_mm": 1},
        {"pressed_ago_ms": 60_000},
        {"pressed_ago_ms": 0},
    ],
)
def test_the_bounds_themselves_are_allowed(change: dict[str, object]) -> None:
    assert missing(HARD, LIMB, replace(READY, **change)) == ()  # type: ignore[arg-type]


def test_an_arm_needs_no_circumference_of_a_thigh() -> None:
    ready = replace(READY, circumference_mm=None)
    assert missing(HARD, Limb.RIGHT_UPPER_ARM, ready) == ()
    assert missing(HARD, Limb.RIGHT_THIGH, ready) == (Check.CIRCUMFERENCE,)


def test_a_session_without_a_cuff_is_not_asked_about_one() -> None:
    ready = Readiness(
        uses_cuff=False,
        screened=True,
        skin_seen=True,
        limb_confirmed=True,
        self_test_passed=True,
        pressed_ago_ms=0,
    )
    assert missing(HARD, LIMB, ready) == ()
