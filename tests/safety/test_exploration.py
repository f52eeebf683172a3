"""The supervisor in its small worlds against the rules written separately: nearest states first.

Each slice is explored as far as a fixed number of steps goes; the whole of it is ``python -m bench.explore``.
"""

import re
from collections import Counter
from dataclasses import replace
from importlib import import_module
from typing import Any

import pytest

from gateway.model import Reason
from gateway.safety.limits import Limits
from gateway.safety.observations import Observations, State
from gateway.safety.reasons import Kind, kind_of
from gateway.safety.supervisor import Verdict
from tests.safety.exploration.abstraction import NOW, Abstraction, Age, abstraction, rows
from tests.safety.exploration.breadth_first import Explored, Search
from tests.safety.exploration.letters import Names
from tests.safety.exploration.slices import SLICES
from tests.safety.exploration.world import MODES, UNREACHED, SupervisorWorld

STEPS = 4_000
ANSWERS = {reason for reason in Reason if kind_of(reason) in (Kind.TRIP, Kind.WAIT, Kind.REFUSAL)}


@pytest.fixture(scope="module")
def explored() -> dict[str, Explored]:
    worlds = {name: SupervisorWorld(make(False)) for name, make in SLICES.items()}
    return {name: Search(world, most_steps=STEPS).run() for name, world in worlds.items()}


@pytest.mark.parametrize("name", SLICES)
def test_no_rule_is_broken(name: str, explored: dict[str, Explored]) -> None:
    found = explored[name]
    assert not found.broken, found.broken[0]
    assert found.transitions >= STEPS
    assert found.abstraction_checked > STEPS // 50


def test_every_trip_wait_and_refusal_is_reached_or_argued(explored: dict[str, Explored]) -> None:
    answers = sum((found.answers for found in explored.values()), Counter[str]())
    assert ANSWERS - {Reason(one) for one in answers if one in set(Reason)} == UNREACHED.keys()


def test_every_mode_is_reached(explored: dict[str, Explored]) -> None:
    modes = sum((found.modes for found in explored.values()), Counter[str]())
    assert modes.keys() == set(MODES)


@pytest.mark.parametrize("name", ["cuff", "limbs", "tissue"])
def test_a_permit_is_never_further_than_debts_and_gaps_are_long(
    name: str, explored: dict[str, Explored]
) -> None:
    """One reset, what is owed paid back, the other limb's rest, and the permit."""
    limits = SLICES[name](False).limits
    longest = limits.debt_vent_ms + limits.limb_gap_ms + limits.recovery_ms + 2
    assert 0 < explored[name].furthest_from_goal <= longest


# a search that finds nothing wrong must be able to


@pytest.mark.parametrize(
    ("name", "enforced"),
    [
        ("cuff", {"permit_ms": 3}),
        ("cuff", {"pressure_trip_ms": 2}),
        ("cuff", {"overdue_ms": 2}),
        ("cuff", {"leak_ms": 2}),
        ("purposes", {"unmeasured_target_dmmhg": 2_501}),
        ("purposes", {"short_longest_ms": 2}),
        ("purposes", {"pressure_ceiling_dmmhg": 3_001}),
        ("cuff", {"debt_inflation_ms": 5}),
        ("limbs", {"limb_gap_ms": 1}),
        ("tissue", {"saturation_fall_permille": 51}),
        ("tissue", {"recovery_ms": 3}),
        ("pulses", {"stimulation_rise_ua": 2}),
        ("pulses", {"stimulator_age_ms": 2}),
    ],
    ids=str,
)
def test_a_supervisor_with_a_laxer_limit_is_caught(name: str, enforced: dict[str, int]) -> None:
    of = SLICES[name](False)
    world = SupervisorWorld(of, replace(of.limits, **enforced))
    assert Search(world, most_steps=10 * STEPS).run().broken


def _forgets_its_latch(step: Any) -> Any:
    def forgetting(*given: Any) -> tuple[State, Verdict]:
        state, verdict = step(*given)
        return replace(state, latched=None), verdict

    return forgetting


def _goes_on_after_a_trip(answer: Any) -> Any:
    def going_on(limits: Limits, state: State, seen: Observations, denied: Reason | None, *rest: Any) -> Any:
        tripped = denied is not None and kind_of(denied) is Kind.TRIP
        return answer(limits, state, seen, None if tripped else denied, *rest)

    return going_on


def _always(answer: Any) -> Any:
    return lambda _: lambda *_given: answer


@pytest.mark.parametrize(
    ("name", "part", "defect", "told"),
    [
        ("purposes", "inflation._never", _always(None), "Safe.*(target_above_ceiling|not_ready).*is due"),
        ("cuff", "supervisor._cuff", _goes_on_after_a_trip, "what latches makes every output safe"),
        ("cuff", "supervisor.step", _forgets_its_latch, "the first reason is kept until a reset"),
        ("cuff", "checks.TRIPS", lambda rows: rows[1:], "does not latch: .*over_pressure"),
        ("cuff", "inflation._wanted_ms", _always(0), "Safe.*ischaemia_debt.*is due"),
        ("limbs", "inflation._not_yet", _always(None), "Safe.*not_deflated_yet.*is due"),
        ("limbs", "inflation._another_was_deflated", _always(False), "Safe.*other_limb_deflated.*is due"),
        ("budgets", "inflation._spent", _always(None), "Safe.*budget_spent.*is due"),
        ("tissue", "verification._must_recover", _always(False), "does not latch: .*reperfusion_failed"),
        ("pulses", "stimulation._highest_ua", _always(10**9), "Safe.*stimulation_rise_too_fast.*is due"),
        ("pulses", "stimulation._unauthorised", _always(None), "Safe.*journal_pending.*is due"),
    ],
)
def test_a_supervisor_with_a_defect_is_caught(
    name: str, part: str, defect: Any, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ceiling, vent on trip, latch, over-pressure, debt, gap, budget, recovery, rise, durable row."""
    module, _, attribute = part.partition(".")
    room = import_module(f"gateway.safety.{module}")
    monkeypatch.setattr(room, attribute, defect(getattr(room, attribute)))
    found = Search(SupervisorWorld(SLICES[name](False)), most_steps=10 * STEPS).run()
    assert re.search(told, "".join(found.broken)), found.broken


def test_a_supervisor_that_never_permits_is_caught() -> None:
    """Safe always, useless always: no rule of an instant is broken, but the goal is out of reach."""
    of = SLICES["cuff"](False)
    strict = of._replace(limits=replace(of.limits, systolic_lowest_mmhg=121))
    found = Search(SupervisorWorld(strict), most_steps=1_000).run()
    assert "no way to the goal" in found.broken[0]


def test_an_abstraction_that_is_too_coarse_is_caught() -> None:
    of = SLICES["cuff"](False)
    coarse = Abstraction(rows(of) | {"State.vented_ms": Age(0)})
    found = Search(SupervisorWorld(of, stands=coarse), most_steps=10 * STEPS).run()
    assert "the abstraction loses something" in found.broken[0]


def test_a_field_without_a_row_is_an_error() -> None:
    of = SLICES["cuff"](False)
    table = {path: row for path, row in rows(of).items() if path != "Debt.value_ms"}
    state = next(iter(SupervisorWorld(of).starts().values())).node.state
    assert abstraction(of).of(state, NOW) == state
    with pytest.raises(LookupError, match=r"no abstraction for Debt\.value_ms"):
        Abstraction(table).of(state, NOW)


@pytest.mark.parametrize("name", SLICES)
@pytest.mark.parametrize("whole", [False, True])
def test_letters_have_names_of_their_own(name: str, whole: bool) -> None:
    names = [letter.name for letter in SLICES[name](whole).letters]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", SLICES)
def test_a_letter_is_told_relative_to_its_instant(name: str) -> None:
    for letter in SLICES[name](False).letters:
        early, late = letter.seen(NOW, Names()), letter.seen(NOW + 5, Names())
        if early.cuff is not None and late.cuff is not None:
            assert late.cuff.arrived_ms - early.cuff.arrived_ms == 5
