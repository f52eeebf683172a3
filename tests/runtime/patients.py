"""What people tell, hand on and take over at a whole bedside, and what it knows of its patient then."""

from typing import Any

import msgspec

from gateway.model import History, Limb
from gateway.record.history_file import Entry, written
from gateway.record.row import ClockQuality, Stamp
from gateway.runtime.requests import DeclaredSession, PatientHistory, PatientImport, Reply, SessionStart
from gateway.simulation.bedside import EPOCH_MS
from gateway.simulation.nurse import start_request
from tests.runtime.conftest import PATIENT as TOKEN
from tests.runtime.conftest import People

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def history(people: People, *, later_ms: int = 0) -> History:
    core = people.bedside.core
    assert core is not None
    return core.recorder.history(TOKEN, people.bedside.now + later_ms)


def borne_ms(people: People, *, later_ms: int = 0) -> int:
    return sum(one.above_ms for one in history(people, later_ms=later_ms).exposures)


def start(people: People) -> str:
    """A session that belongs to the patient."""
    reply = people.start()
    assert reply.exit_code == 0, reply.message
    return str(reply.data["session"])


def session_request(*, resume: bool = False) -> SessionStart:
    return start_request("demo", Limb.LEFT_THIGH, 120, 70, patient=TOKEN, resume=resume)


def ask_for_session(people: People, *, resume: bool = False) -> Reply:
    """Ask for a session and say nothing of what happened elsewhere."""
    people.bedside.press_button()
    return people.bedside.ask(session_request(resume=resume))


def declare(people: People, *sessions: DeclaredSession, **changed: Any) -> Reply:
    asked: dict[str, Any] = {"patient": TOKEN, "sessions": [*sessions], "confirm": True}
    return people.bedside.ask(PatientHistory(**(asked | changed)))


def told(
    limb: str = "left_thigh", ended: int = 300, above: int = 20, therapy: bool = True
) -> DeclaredSession:
    return DeclaredSession(limb=limb, ended_min_ago=ended, above_min=above, therapy=therapy)


ENTRY = Entry(
    session="rvos-07-1-2",
    limb=Limb.LEFT_THIGH,
    therapy=True,
    above_ms=20 * MINUTE_MS,
    started_ago_ms=6 * HOUR_MS,
    ended_ago_ms=5 * HOUR_MS,
    over_ago_ms=5 * HOUR_MS,
)


class SynchronisedClock:
    """Makes the bedside's wall clock one that may be trusted."""

    def __init__(self, people: People) -> None:
        self._people = people
        people.bedside.clock.stamp = self.stamp  # type: ignore[method-assign]

    def stamp(self, boot: int, mono_ms: int) -> Stamp:
        return Stamp(boot, mono_ms, EPOCH_MS + mono_ms, ClockQuality.SYNCHRONISED)


def file(
    people: People, *entries: Entry, age_ms: int = 0, told_ago_ms: int | None = 0, **changed: Any
) -> PatientImport:
    """A file that was written ``age_ms`` ago by a synchronised gateway."""
    wall_ms = EPOCH_MS + people.bedside.now - age_ms
    stamp = Stamp(7, 5, wall_ms, ClockQuality.SYNCHRONISED)
    found = written("rvos-07", TOKEN, told_ago_ms, [*entries] or [ENTRY], stamp)
    return PatientImport(document=msgspec.to_builtins(found) | changed, confirm=True)
