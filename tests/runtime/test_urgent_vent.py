"""Over-pressure: the vent is on the wire before anything else is judged, with the status that shows it."""

from gateway.model import Reason
from gateway.runtime.gate import VENT
from tests.runtime.conftest import People
from tests.runtime.over_pressure import status


def test_the_vent_leaves_before_the_whole_is_judged(people: People) -> None:
    people.start()
    people.run_until("holding")
    core, sent = people.bedside.core, []
    assert core is not None

    def send() -> None:
        sent.append((core.outgoing(people.bedside.core_ms), core.state.latched))

    core.send_now = send
    frame = status(people, 3_201)
    core.cuff_bytes(frame, people.bedside.core_ms)
    [(first, latched)] = sent
    assert first.startswith(VENT)
    assert latched is None, "the whole judgement comes after"
    assert core.state.latched is Reason.OVER_PRESSURE


def test_a_pressure_that_is_no_over_pressure_sends_nothing_by_itself(people: People) -> None:
    people.start()
    people.run_until("holding")
    core, sent = people.bedside.core, []
    assert core is not None
    core.send_now = lambda: sent.append(core.outgoing(people.bedside.core_ms))
    core.cuff_bytes(status(people, 3_100), people.bedside.core_ms)
    assert sent == []
