"""A whole bedside with a stimulator, in virtual time, and what people do at it."""

from pathlib import Path

import msgspec

from gateway.config import HubConfig, StimulatorConfig
from gateway.model import Limb, Priority, Reason
from gateway.record.events import StimulationEnded
from gateway.record.summary import Summary
from gateway.runtime.requests import PatientHistory, Reply, SessionRaise
from gateway.safety.limits import HARD
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import start_request
from gateway.simulation.protocols import STIMULATOR
from gateway.simulation.stimulator import Stimulator
from tests.runtime.conftest import PATIENT, READINGS_MS, People

ONE_POLL_MS = HARD.stimulator_age_ms
STOP_MS = 100
"""A command takes a turn of the wire and a step of the controller, the status 50 ms more."""
ELECTRODE_MS = 600
RELAY_DEAD_MAN_MS = 1_000


class Stimulated(People):
    """Somebody who stimulates a thigh."""

    def __init__(
        self,
        journal: Path,
        *,
        ceilings: StimulatorConfig | None = STIMULATOR,
        force: bool = False,
        hub: HubConfig | None = None,
        emg: bool = False,
    ) -> None:
        self.journal = journal
        config = configuration("fast_cuff", "fast_limb", None, stimulator=ceilings)
        config = msgspec.structs.replace(config, hub=hub)
        bed = Bed(config, CUFFS["fast_cuff"], LIMBS["fast_limb"], 1, has_force_sensor=force, has_emg=emg)
        self.bedside = Bedside(bed, journal)
        self.bedside.run(READINGS_MS)

    @property
    def device(self) -> Stimulator:
        """The stimulator itself."""
        assert self.bedside.stimulator is not None
        return self.bedside.stimulator

    @property
    def current_ua(self) -> int:
        """What flows in the tissue now: the physics, not what anybody says."""
        return self.bedside.plant.tissue_current_ua

    def stimulate(
        self, prescription: str = "nmes-demo", *, resume: bool = False, patient: str = PATIENT
    ) -> Reply:
        """Say that the patient had nothing elsewhere, press the button and start."""
        self.bedside.ask(PatientHistory(patient=patient, nothing=True, confirm=True))
        self.bedside.press_button()
        return self.bedside.ask(
            start_request(prescription, Limb.LEFT_THIGH, None, None, patient=patient, resume=resume)
        )

    def until_current_flows(self, longest_ms: int = 20_000) -> None:
        """Let time pass until current is in the tissue."""
        for _ in range(longest_ms // 10):
            if self.current_ua:
                return
            self.bedside.turn()
        raise AssertionError(f"no current ever flowed: {self.state()}")

    def contracting(self, prescription: str = "nmes-demo") -> None:
        """Start, and stand in the middle of the first contraction."""
        reply = self.stimulate(prescription)
        assert reply.exit_code == 0, reply
        self.until_current_flows()
        self.bedside.run(500)
        assert self.current_ua

    def until_contraction(self, number: int) -> None:
        """Let time pass until this one is being given."""
        for _ in range(10_000):
            session = self.bedside.core.session
            assert session is not None
            if session.cycle == number and self.current_ua:
                return
            self.bedside.turn()
        raise AssertionError(f"contraction {number} never came")

    def answering(self, prescription: str, presses: int = 4) -> None:
        """In the contraction after so many presses, at a current that the muscle (from 20 mA) answers to."""
        self.contracting(prescription)
        for number in range(1, presses + 1):
            self.until_contraction(number)
            self.bedside.run(1_100)
            assert self.bedside.ask(SessionRaise(by_ma=5, confirm=True)).exit_code == 0
        self.until_contraction(presses + 1)
        assert self.contractions()[-1].response == "yes"

    def alarmed(self) -> dict[Reason, Priority]:
        """What is announced at the bedside now."""
        return {alarm.condition: alarm.priority for alarm in self.bedside.core.alarms.alarms if alarm.active}

    def ms_of_current(self, longest_ms: int) -> int:
        """How long from now current is still in the tissue, at most."""
        last_ms = start_ms = self.bedside.now
        while self.bedside.now < start_ms + longest_ms:
            self.bedside.turn()
            if self.current_ua:
                last_ms = self.bedside.now
        return last_ms - start_ms

    def contractions(self) -> list[StimulationEnded]:
        """What the journal keeps of each contraction."""
        rows = self.events_of(StimulationEnded)
        return [msgspec.json.decode(row.body, type=StimulationEnded) for row in rows]

    def summary(self) -> Summary:
        """The newest one."""
        return msgspec.json.decode(self.events_of(Summary)[-1].body, type=Summary)
