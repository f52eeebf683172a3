"""``rvos demo --full``: the whole prescription in virtual time, in one process.

Theory of operation
-------------------
The bedside of ``gateway.simulation.bedside`` with a cuff and a limb of natural speed, a simulated nurse
who enters blood pressures, and the prescription ``rvos-after-rosprox``.  The summary is encoded into
the payload that the link would send, and decoded from it again.  The same seed gives the same journal,
byte for byte.
"""

from pathlib import Path

from gateway.config import (
    Config,
    CuffConfig,
    HubConfig,
    MqttConfig,
    OximeterConfig,
    SiteConfig,
    StimulatorConfig,
)
from gateway.model import Limb
from gateway.record.reader import JournalReader
from gateway.record.summary import Summary
from gateway.simulation.bedside import Bed, Bedside
from gateway.simulation.live import oximeter_words
from gateway.simulation.models import CUFFS, LIMBS
from gateway.simulation.nurse import Nurse
from gateway.simulation.recording import load
from gateway.simulation.show import Progress
from gateway.ward.messages import Place, encode_event

PRESCRIPTION = "rvos-after-rosprox"
CUFF, LIMB = "thigh_cuff", "limb"
_READINGS_MS = 8_000
_LOOK_MS = 1_000
_LONGEST_LOOKS = 4 * 3600
_SHOW_EVERY = 30


class SessionTooLong(Exception):
    """The virtual session did not end within four hours: a defect."""


def run(state_dir: Path, seed: int, replay: Path | None, say: Progress) -> bytes:
    """Give the session; the summary's payload as a subscriber would receive it."""
    config = configuration(CUFF, LIMB, replay)
    recording = load(replay) if replay else None
    bedside = Bedside(Bed(config, CUFFS[CUFF], LIMBS[LIMB], seed, recording), state_dir / "journal.db")
    say.say(
        f"virtual time; {config.cuff.description}; {config.oximeter.description if config.oximeter else ''}"
    )
    session = give(bedside, PRESCRIPTION, LIMB, seed, say)
    bedside.close()
    return payload_of(state_dir / "journal.db", config, session)


def configuration(
    cuff: str,
    limb: str,
    replay: Path | None,
    *,
    ceiling_mmhg: int = 250,
    stimulator: StimulatorConfig | None = None,
    hub: HubConfig | None = None,
) -> Config:
    """The configuration of a bedside in memory."""
    words = oximeter_words(limb, replay)
    return Config(
        site=SiteConfig(site="virtual", ward="virtual", device="rvos-virtual"),
        cuff=CuffConfig(port="memory", description=CUFFS[cuff].description, ceiling_mmhg=ceiling_mmhg),
        oximeter=OximeterConfig(port="memory", channel=1, other_channel=2, description=words),
        stimulator=stimulator,
        hub=hub,
        mqtt=MqttConfig(host="memory"),
    )


def give(bedside: Bedside, prescription: str, limb: str, seed: int, say: Progress | None = None) -> str:
    """One session with a nurse; returns its name."""
    bedside.run(_READINGS_MS)
    body = LIMBS[limb]
    nurse = Nurse(bedside.ask, bedside.press_button, body.systolic_mmhg, body.diastolic_mmhg, seed)
    session = nurse.start(prescription, Limb.LEFT_THIGH)
    for look in range(_LONGEST_LOOKS):
        state = nurse.look()
        if say is not None and look % _SHOW_EVERY == 0:
            say.show(state)
        if state["mode"] != "session":
            if say is not None:
                say.end()
            nurse.remove_cuff()
            return session
        bedside.run(_LOOK_MS)
    raise SessionTooLong(f"session {session} still runs after {_LONGEST_LOOKS} s of virtual time")


def payload_of(journal: Path, config: Config, session: str) -> bytes:
    """The summary row of this session as the bytes that the link sends."""
    place = Place(config.site.site, config.site.ward, config.site.device)
    with JournalReader.open(journal) as reader:
        rows = [row for row in reader.rows(session=session, kind="event") if row.type == Summary.name]
    return encode_event(place, rows[-1], replay=False)[1]
