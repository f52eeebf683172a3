"""A bedside in virtual time, a blood pressure module on the free arm: the real driver, a simulated module."""

from pathlib import Path
from typing import Any

import msgspec

from drivers.link import Wanted, refusal_of
from drivers.listening import Listening
from drivers.usb import Expected
from gateway.config import BloodPressureConfig
from gateway.model import Limb
from gateway.record.events import Event
from gateway.record.reader import JournalReader
from gateway.runtime.cuffed_takers import ModuleTaker
from gateway.runtime.requests import (
    PatientHistory,
    Reply,
    SessionPressure,
    SessionReset,
    SessionStatus,
    SessionStop,
)
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.full import configuration
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import start_request
from gateway.simulation.suntech import Limb as Arm
from gateway.simulation.suntech import SunTech

PATIENT = "token-1"
MODULE = BloodPressureConfig(
    port="/dev/rvos-blood-pressure", limb=Limb.LEFT_UPPER_ARM, description="simulated module, adult cuff"
)
SESSION = "rvos-after-rosprox"
LOOK_MS = 200


class WithModule(Bedside):
    """The bedside, and the module's wire beside that of our controller."""

    module: "Wired | None" = None

    def turn(self) -> None:
        """Ten milliseconds of both."""
        super().turn()
        if self.module is not None:
            self.module.turn()


class Wired:
    """The module, its driver, its taker, and the cable between them."""

    def __init__(self, bedside: Bedside, config: BloodPressureConfig) -> None:
        assert bedside.core is not None
        self.arm: Arm | None = Arm()
        self.device = SunTech(lambda now_ms: self.arm)
        self._bedside = bedside
        self._wanted = Wanted("blood_pressure", config.port, Expected(), 2_000, config.serial)
        self.taker = ModuleTaker(bedside.core, config)
        self.taker.refusal = lambda: refusal_of(
            self._wanted, self.host, Listening(self._wanted.greeting_ms, "", 0)
        )
        self.taker.send = self._send
        self.sent = b""
        self.highest_mmhg = 0.0
        self.plug()

    def plug(self) -> None:
        """Its port is opened."""
        self.plugged = True
        self.host = self.taker.make_host()
        self.taker.connected(self.host, self._bedside.core_ms)

    def pull(self) -> None:
        """Its cable is pulled."""
        self.plugged = False
        self.taker.lost("unplugged", self._bedside.core_ms)

    def _send(self) -> None:
        """What waits leaves now."""
        self.sent += self.host.outgoing(self._bedside.core_ms) if self.plugged else b""

    def turn(self) -> None:
        """What goes over the wire in ten milliseconds."""
        now = self._bedside.core_ms
        self._send()
        said, self.sent = self.sent, b""
        heard = self.device.step(said if self.plugged else b"", now)
        self.highest_mmhg = max(self.highest_mmhg, self.device.mmhg)
        if self.plugged:
            events = self.host.receive(heard, now)
            if events:
                self.taker.heard(events, now)


class ArmRoom:
    """Somebody who gives a session with the module at the patient's arm."""

    def __init__(
        self,
        journal: Path,
        module: BloodPressureConfig = MODULE,
        *,
        ceiling_mmhg: int = 250,
        plugged: bool = True,
    ) -> None:
        self.journal = journal
        config = configuration("fast_cuff", "fast_limb", None, ceiling_mmhg=ceiling_mmhg)
        config = msgspec.structs.replace(config, blood_pressure=module)
        self.bedside = WithModule(Bed(config, CUFFS["fast_cuff"], LIMBS["fast_limb"], 1), journal)
        self.wired = Wired(self.bedside, module)
        self.bedside.module = self.wired
        if not plugged:
            self.wired.pull()
        self.bedside.run(10_000)
        self.bedside.ask(PatientHistory(patient=PATIENT, nothing=True, confirm=True))

    @property
    def device(self) -> SunTech:
        """The module itself."""
        return self.wired.device

    @property
    def measures(self) -> bool:
        """Whether the module is at work, by its own word."""
        return not self.device.is_idle

    def start(self, prescription: str = SESSION, limb: Limb = Limb.LEFT_THIGH, systolic: int = 120) -> Reply:
        """Press the button, measure by hand and start."""
        self.bedside.press_button()
        return self.bedside.ask(start_request(prescription, limb, systolic, 70, patient=PATIENT))

    def enter(self, systolic: int, diastolic: int = 70) -> Reply:
        """A person measures and enters."""
        return self.bedside.ask(
            SessionPressure(
                systolic_mmhg=systolic, diastolic_mmhg=diastolic, confirm=True, measured_again=True
            )
        )

    def stop(self) -> Reply:
        """Anybody stops."""
        return self.bedside.ask(SessionStop())

    def reset(self) -> Reply:
        """Press the button and ask for a reset."""
        self.bedside.press_button()
        return self.bedside.ask(SessionReset(confirm=True))

    @property
    def state(self) -> dict[str, Any]:
        """What the status shows."""
        return dict(self.bedside.ask(SessionStatus()).data["state"])

    @property
    def alarms(self) -> set[str]:
        """What is alarmed for."""
        return {alarm["condition"] for alarm in self.alarm_list}

    @property
    def alarm_list(self) -> list[dict[str, Any]]:
        """Each alarm that is not gone."""
        return list(self.bedside.ask(SessionStatus()).data["alarms"])

    def until(self, holds: "Any", longest_ms: int = 1_000_000) -> int:
        """Let time pass until this holds; the ms that it took."""
        began_ms = self.bedside.now
        while not holds():
            assert self.bedside.now - began_ms < longest_ms, (self.state, self.alarms)
            self.bedside.run(LOOK_MS)
        return self.bedside.now - began_ms

    def until_measuring(self) -> int:
        """Let time pass until the module measures."""
        return self.until(lambda: self.measures)

    def until_measured(self) -> None:
        """Let time pass until it measures and is done."""
        self.until_measuring()
        self.until(lambda: not self.measures)
        self.bedside.run(2_000)

    def until_inflating(self, cycle: int) -> None:
        """Let time pass until this cycle's inflation."""
        self.until(lambda: self.state["phase"] == "inflating" and self.state["cycle"] == cycle)

    def rows(self, kind: type[Event]) -> list[tuple[int, dict[str, Any]]]:
        """When something happened, and what."""
        with JournalReader.open(self.journal) as reader:
            found = [row for row in reader.rows(kind="event") if row.type == kind.name]
        return [(row.stamp.mono_ms, msgspec.json.decode(row.body)) for row in found]

    def names(self) -> list[str]:
        """Every event, in order."""
        with JournalReader.open(self.journal) as reader:
            return [row.type for row in reader.rows(kind="event")]
