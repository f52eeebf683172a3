"""A whole bedside in virtual time, and what people do at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.model import Limb
from gateway.record.events import Event
from gateway.record.reader import JournalReader
from gateway.record.row import StoredRow
from gateway.runtime.requests import PatientHistory, Reply, SessionReset, SessionStatus
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import start_request

PATIENT = "token-1"
READINGS_MS = 10_000


class People:
    """Somebody who starts sessions and looks at the bedside."""

    def __init__(
        self, journal: Path, *, seed: int = 1, ceiling_mmhg: int = 250, bedside: type[Bedside] = Bedside
    ) -> None:
        self.journal = journal
        config = configuration("fast_cuff", "fast_limb", None, ceiling_mmhg=ceiling_mmhg)
        self.bedside = bedside(Bed(config, CUFFS["fast_cuff"], LIMBS["fast_limb"], seed), journal)

    def start(
        self, systolic: int = 120, diastolic: int = 70, prescription: str = "demo", *, resume: bool = False
    ) -> Reply:
        """Say that the patient had nothing elsewhere, press the button and ask for a session."""
        self.bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))
        self.bedside.press_button()
        return self.bedside.ask(
            start_request(prescription, Limb.LEFT_THIGH, systolic, diastolic, patient=PATIENT, resume=resume)
        )

    def reset(self) -> Reply:
        """Press the button at the bedside and ask for a reset."""
        self.bedside.press_button()
        return self.bedside.ask(SessionReset(confirm=True))

    def state(self) -> dict[str, object]:
        """What the status shows."""
        return dict(self.bedside.ask(SessionStatus()).data["state"])

    def run_until(self, phase: str, longest_ms: int = 60_000) -> None:
        """Let time pass until the plan is in this phase."""
        for _ in range(longest_ms // 50):
            if self.state()["phase"] == phase:
                return
            self.bedside.run(50)
        raise AssertionError(f"never came to {phase}: {self.state()}")

    def run_until_mode(self, mode: str, longest_ms: int = 120_000) -> None:
        """Let time pass until the gateway is in this mode without a session."""
        for _ in range(longest_ms // 50):
            state = self.state()
            if state["mode"] == mode and state["session"] is None:
                return
            self.bedside.run(50)
        raise AssertionError(f"never {mode}: {self.state()}")

    def events(self) -> list[StoredRow]:
        """Every event so far."""
        with JournalReader.open(self.journal) as reader:
            return list(reader.rows(kind="event"))

    def events_of(self, kind: type[Event]) -> list[StoredRow]:
        """The events of one type."""
        return [row for row in self.events() if row.type == kind.name]

    def types(self) -> list[str]:
        """Their types."""
        return [row.type for row in self.events()]


@pytest.fixture
def people(tmp_path: Path) -> Iterator[People]:
    """A bedside whose readings have come."""
    found = People(tmp_path / "journal.db")
    found.bedside.run(READINGS_MS)
    yield found
    found.bedside.close()
