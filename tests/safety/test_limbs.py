"""Each limb has its own debt; the cuff is charged to the one that it was armed for."""

import pytest

from gateway.model import LIMBS, Limb, Permit, Purpose, Reason
from gateway.safety.debt import Debts
from gateway.safety.observations import State
from tests.safety.bedside import LIMB, TARGET, Bedside

OTHER = Limb.RIGHT_THIGH


def test_until_somebody_says_where_the_cuff_is_its_pressure_is_charged_to_every_limb() -> None:
    bed = Bedside(debt_ms=10_000)
    bed.disarm()
    bed.read(200)
    bed.run(500)
    assert bed.state.debts.values_ms == (10_500,) * 4


def test_the_limb_under_the_cuff_owes_and_the_others_recover() -> None:
    bed = Bedside(debt_ms=10_000)
    bed.step()
    bed.inflate()
    bed.read(TARGET)
    bed.run(2_000)
    owed = dict(zip(LIMBS, bed.state.debts.values_ms, strict=True))
    assert owed[LIMB] > 11_500
    assert {owed[limb] for limb in LIMBS if limb is not LIMB} == {10_000 - 2_100}


def test_the_cuff_changes_limbs_only_when_it_is_empty() -> None:
    bed = Bedside()
    bed.step()
    bed.hold()
    bed.arm(number=2, limb=OTHER)
    bed.run(1_000)
    assert bed.state.limb is LIMB
    bed.wishes = ()
    bed.step()
    bed.read(0)
    bed.step()
    assert bed.state.limb is OTHER


def test_the_debt_of_the_limb_decides_and_not_that_of_another() -> None:
    bed = Bedside()
    owed = tuple(300_000 if limb is LIMB else 0 for limb in LIMBS)
    bed.state = State(Debts.of_ms(owed, bed.now))
    bed.ask()
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    bed.arm(limb=OTHER)
    bed.step()
    assert bed.energised


def test_the_controllers_own_debt_of_the_limb_counts() -> None:
    bed = Bedside()
    bed.ask()
    bed.authorise()
    bed.read(0, limb_debts_ms=(294_001, 0, 0, 0))
    bed.step()
    assert bed.reason is Reason.ISCHAEMIA_DEBT
    bed.read(0, limb_debts_ms=(294_000, 300_000, 300_000, 300_000))
    bed.step()
    assert bed.energised


def deflated_on(limb: Limb, ago_ms: int) -> Bedside:
    """A bedside whose cuff came off pressure on this limb so long ago."""
    bed = Bedside()
    deflated = tuple(bed.now + 50 - ago_ms if one is limb else None for one in LIMBS)
    bed.state = State(Debts.equal(0, bed.now), deflated_ms=deflated)
    bed.ask()
    bed.authorise()
    return bed


@pytest.mark.parametrize(
    ("limb", "ago_ms", "reason"),
    [
        (OTHER, 59_999, Reason.OTHER_LIMB_DEFLATED),
        (OTHER, 60_000, None),
        (OTHER, -1_000, Reason.OTHER_LIMB_DEFLATED),
        (LIMB, 0, None),
        (Limb.LEFT_UPPER_ARM, 10_000, Reason.OTHER_LIMB_DEFLATED),
    ],
)
def test_a_minute_between_deflations_of_two_limbs(limb: Limb, ago_ms: int, reason: Reason | None) -> None:
    bed = deflated_on(limb, ago_ms)
    bed.step()
    assert bed.reason is reason


def test_the_instant_of_deflation_is_that_of_the_limb_under_the_cuff() -> None:
    bed = Bedside()
    bed.step()
    bed.hold()
    bed.wishes = ()
    bed.run(1_000)
    assert bed.state.deflated_ms == (None,) * 4
    bed.read(0)
    bed.step()
    assert bed.state.deflated_ms == (bed.now, None, None, None)
    first = bed.now
    bed.run(1_000)
    assert bed.state.deflated_ms[0] == first


# budgets


@pytest.mark.parametrize(("left_ms", "granted"), [(16_000, True), (15_999, False)])
def test_an_inflation_and_its_emptying_must_fit_what_is_left_of_the_therapy(
    left_ms: int, granted: bool
) -> None:
    bed = Bedside()
    bed.arm(therapy_left_ms=left_ms, examination_left_ms=0)
    bed.ask()
    bed.authorise()
    assert isinstance(bed.step().cuff, Permit) is granted
    assert bed.reason is (None if granted else Reason.BUDGET_SPENT)


def test_an_examination_has_its_own_budget_and_must_fit_whole() -> None:
    bed = Bedside()
    bed.arm(therapy_left_ms=0, examination_left_ms=16_000)
    bed.ask(purpose=Purpose.OCCLUSION_TEST)
    bed.authorise()
    assert isinstance(bed.step().cuff, Permit)
    bed = Bedside()
    bed.arm(examination_left_ms=21_999)
    bed.ask(purpose=Purpose.OCCLUSION_TEST, schedule_ms=12_000)
    bed.authorise()
    bed.step()
    assert bed.reason is Reason.BUDGET_SPENT


def test_of_a_therapy_only_the_next_inflation_has_to_fit() -> None:
    bed = Bedside()
    bed.arm(therapy_left_ms=16_000)
    bed.ask(schedule_ms=1_200_000)
    bed.authorise()
    assert isinstance(bed.step().cuff, Permit)


def test_what_a_session_spends_is_the_time_above_15_mmhg_on_its_own_account() -> None:
    bed = Bedside()
    bed.step()
    bed.hold()
    bed.run(3_000)
    bed.wishes = ()
    bed.run(1_000)
    spent_ms = bed.state.therapy_spent_ms
    assert spent_ms == 4_050  # from the frame that showed it full
    bed.read(0)
    bed.run(2_000)
    assert bed.state.therapy_spent_ms == spent_ms + 50  # up to the frame that showed it empty
    assert bed.state.examination_spent_ms == 0
    bed.arm(number=2)
    bed.step()
    assert bed.state.therapy_spent_ms == 0


def test_an_examination_spends_on_its_own_account() -> None:
    bed = Bedside()
    bed.step()
    bed.ask(purpose=Purpose.OCCLUSION_TEST)
    bed.authorise()
    bed.step()
    bed.read(TARGET)
    bed.run(2_050)
    assert (bed.state.therapy_spent_ms, bed.state.examination_spent_ms) == (0, 2_050)
