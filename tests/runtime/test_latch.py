"""A latch on record is the latch in force: what a person cleared, and what came back at once."""

from gateway.model import Reason
from tests.runtime.conftest import READINGS_MS, People

LEANING_MMHG = 40.0


def _lean_on_the_cuff(people: People) -> None:
    """The patient's other leg presses on the cuff: pressure that nobody asked for, valve open or not."""
    people.bedside.plant.leaning_mmhg = LEANING_MMHG


def _stop_leaning(people: People) -> None:
    people.bedside.plant.leaning_mmhg = 0.0


def _restart_core(people: People) -> None:
    people.bedside.kill_core()
    people.bedside.start_core()


def test_a_reset_while_the_cause_lasts_leaves_the_latch_on_record(people: People) -> None:
    _lean_on_the_cuff(people)
    people.bedside.run(3_000)
    assert people.state()["latched"] == "unexpected_pressure"
    reply = people.reset()
    people.bedside.run(2_000)
    assert people.state()["latched"] == "unexpected_pressure"
    _stop_leaning(people)
    people.bedside.run(3_000)
    _restart_core(people)
    people.bedside.run(READINGS_MS)
    assert people.state()["latched"] == "unexpected_pressure", reply
    assert people.types().count("tripped") == 2


def test_a_reset_that_holds_is_on_record_too(people: People) -> None:
    _lean_on_the_cuff(people)
    people.bedside.run(3_000)
    _stop_leaning(people)
    people.bedside.run(3_000)
    assert people.reset().exit_code == 0
    _restart_core(people)
    people.bedside.run(READINGS_MS)
    assert people.state()["latched"] is None
    assert people.types().count("tripped") == 1


def test_pressure_while_latched_is_owed_after_a_restart(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    people.bedside.run(400_000)
    assert people.bedside.core.owed_ms == 0
    _lean_on_the_cuff(people)
    people.bedside.run(3_000)
    _stop_leaning(people)
    people.bedside.run(3_000)  # latched, deflated, and on record as such
    _lean_on_the_cuff(people)
    people.bedside.run(60_000)
    owed = people.bedside.core.owed_ms
    assert owed > 55_000
    _restart_core(people)
    assert people.bedside.core.owed_ms >= owed


def test_pressure_that_ended_is_on_record_as_ended(people: People) -> None:
    people.start()
    people.run_until_mode("idle")
    people.bedside.run(400_000)
    _lean_on_the_cuff(people)
    people.bedside.run(60_000)
    _stop_leaning(people)
    people.bedside.run(20_000)
    owed = people.bedside.core.owed_ms
    assert 30_000 < owed < 50_000
    _restart_core(people)
    assert abs(people.bedside.core.owed_ms - owed) <= 1_000


def test_an_idle_restart_keeps_what_the_last_restart_had_proven(people: People) -> None:
    """The first run has nothing to go by; what it saw since is proof for the next."""
    people.start()
    people.run_until_mode("idle")
    people.bedside.run(400_000)
    for _ in range(3):
        _restart_core(people)
        assert people.bedside.core.owed_ms == 0
        people.bedside.run(READINGS_MS)


def test_a_core_that_gives_up_without_a_session_latches_the_next(people: People) -> None:
    core = people.bedside.core
    assert core is not None
    core.give_up("a defect ended core: KeyError('x')", people.bedside.now)
    _restart_core(people)
    people.bedside.run(READINGS_MS)
    assert people.bedside.core.state.latched is Reason.CORE_RESTARTED
    assert people.types().count("tripped") == 1


def test_a_core_that_gives_up_in_a_session_leaves_it_open_for_the_next_to_end(people: People) -> None:
    people.start()
    people.run_until("holding")
    core = people.bedside.core
    assert core is not None
    core.give_up("a defect ended core: KeyError('x')", people.bedside.now)
    _restart_core(people)
    people.bedside.run(READINGS_MS)
    assert people.bedside.core.state.latched is Reason.CORE_RESTARTED
    types = people.types()
    assert (types.count("tripped"), types.count("session_ended"), types.count("core_stopped")) == (1, 1, 1)
