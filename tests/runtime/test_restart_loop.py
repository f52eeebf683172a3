"""A core that keeps dying locks itself out until a person has looked."""

from gateway.model import Reason
from tests.runtime.conftest import People


def die_and_return(people: People, times: int) -> None:
    for _ in range(times):
        people.bedside.kill_core()
        people.bedside.start_core()
        people.bedside.run(2_000)


def test_the_third_restart_in_half_an_hour_latches(people: People) -> None:
    die_and_return(people, 2)
    assert people.bedside.core.state.latched is None
    die_and_return(people, 1)
    assert people.bedside.core.state.latched is Reason.RESTARTS_TOO_MANY
    assert people.start().exit_code == 75
    assert "restarts_too_many" in people.start().message


def test_the_lock_outlives_a_restart_and_a_person_lifts_it(people: People) -> None:
    die_and_return(people, 4)
    assert people.bedside.core.state.latched is Reason.RESTARTS_TOO_MANY
    assert people.types().count("tripped") == 1
    assert people.reset().exit_code == 0
    assert people.bedside.core.state.latched is None
    die_and_return(people, 1)
    assert people.bedside.core.state.latched is None


def test_a_core_that_is_stopped_in_order_is_not_counted(people: People) -> None:
    for _ in range(5):
        people.bedside.close()
        people.bedside.start_core()
        people.bedside.run(2_000)
    assert people.bedside.core.state.latched is None


def test_restarts_of_yesterday_are_forgotten(people: People) -> None:
    die_and_return(people, 2)
    people.bedside.clock.ms += 1_800_000
    people.bedside.run(2_000)
    die_and_return(people, 1)
    assert people.bedside.core.state.latched is None
