"""What the supervisor is told and remembers is replaced, never changed: every value of the room."""

from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from pathlib import Path

import pytest

from gateway import safety
from gateway.model import Limb, Purpose
from gateway.safety.debt import Debts
from gateway.safety.observations import (
    Arming,
    Authorisation,
    Inflation,
    Observations,
    State,
    Timers,
    Tissue,
    Watch,
)
from gateway.safety.stuck import Stills
from tests.safety.bedside import LIMB, READY

ROOM = Path(str(safety.__file__)).parent


def values() -> list[type]:
    """Every dataclass that is defined in a module of the room."""
    names = [f"gateway.safety.{path.stem}" for path in sorted(ROOM.glob("*.py"))]
    met = [one for name in names for one in vars(import_module(name)).values() if isinstance(one, type)]
    return [one for one in dict.fromkeys(met) if is_dataclass(one) and one.__module__ in names]


@pytest.mark.parametrize("value", values(), ids=lambda one: one.__name__)
def test_a_value_cannot_be_changed_and_has_no_room_for_more(value: type) -> None:
    one = object.__new__(value)
    with pytest.raises(FrozenInstanceError):
        setattr(one, fields(value)[0].name, None)
    assert not hasattr(one, "__dict__")


def test_what_was_not_said_is_not_known_and_not_allowed() -> None:
    assert Observations() == Observations(
        cuff=None,
        cuff_accepted=False,
        blood_pressure=None,
        tissue=Tissue(saturation=None, haemoglobin=None, other=None, flow_seen=None),
        saturation_expected=False,
        authorisation=None,
        arming=None,
        moving=False,
        stop=None,
        reset=False,
        journal_failed=False,
        lease_refused=False,
        stimulator=None,
        train=None,
    )
    arming = Arming(1, LIMB, READY)
    assert arming == Arming(
        number=1,
        limb=LIMB,
        readiness=READY,
        limb_pressure_dmmhg=None,
        least_dmmhg=0,
        therapy_left_ms=0,
        examination_left_ms=0,
        stimulation_left_ms=0,
        stimulation=None,
    )


def test_nothing_is_remembered_of_what_has_not_been() -> None:
    state, debts = State(Debts.equal(0, 0)), Debts.equal(0, 0)
    assert state == State(debts, therapy_spent_ms=0, examination_spent_ms=0, examining=False, series=0)
    known = {
        "debts",
        "therapy_spent_ms",
        "examination_spent_ms",
        "examining",
        "series",
        "timers",
        "stimulation",
        "stills",
    }
    others = {field.name for field in fields(State)} - known
    assert {getattr(state, name) for name in others} == {None, (None,) * len(Limb)}
    running = {field.name: None for field in fields(Timers) if field.name != "worked"}
    assert state.timers == Timers(**running, worked=0)
    assert state.stills == Stills(control=None, limit=None, working_ms=None)
    watch = Watch(1, 0, None, None, (), None)
    assert watch == Watch(1, 0, None, None, (), None, None, None, None, False, False)
    assert Inflation(1, 1_700, 60_000, 120, 0, 0).purpose is Purpose.OCCLUSION
    assert Authorisation(1, 1_700, 60_000, 0).purpose is Purpose.OCCLUSION
