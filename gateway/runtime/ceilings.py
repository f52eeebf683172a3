"""What a session with stimulation needs before it is armed: ceilings, a stimulator, time left, eyes.

Theory of operation
-------------------
Pure questions to core and configuration; each answers with a sentence, empty where nothing speaks against
the session.  A prescription's current is a highest one: where site and limits allow less, the session gets
less (``fitted``).  Its pulse width and frequency are what they are: where they are not allowed, it is
refused.

Units: uA, us, 0.1 Hz, nC, mm2; the configuration speaks mA, Hz, uC, cm2.
"""

from gateway.config import StimulatorConfig
from gateway.model import Reason
from gateway.runtime.core import Core
from gateway.runtime.evoked import misfit
from gateway.safety import budget
from gateway.safety.limits import Limits
from gateway.safety.stimulation import SiteStimulation, highest_ua
from gateway.safety.texts import text_of
from gateway.therapy.prescription import NmesEvokedPrescription, NmesPrescription

NOT_MEDICAL = ("p24",)
"""Drivers of devices that their makers do not call medical ones."""

_MA = 1_000
_MINUTE_MS = 60_000


def of_site(config: StimulatorConfig | None) -> SiteStimulation | None:
    """The ceilings that the site has stated, as the supervisor takes them."""
    if config is None:
        return None
    return SiteStimulation(
        current_ua=config.current_ma * _MA,
        pulse_width_us=config.pulse_width_us,
        frequency_dhz=config.frequency_hz * 10,
        charge_nc=config.charge_uc * 1_000,
        pad_area_mm2=config.pad_area_cm2 * 100,
    )


def fitted(
    limits: Limits, config: StimulatorConfig | None, asked: NmesPrescription
) -> NmesPrescription | str:
    """The prescription with the highest current that all ceilings allow, in whole mA; or why not."""
    site = of_site(config)
    if site is None:
        return f"not started: {text_of(Reason.STIMULATION_NOT_CONFIGURED)}"
    highest = highest_ua(limits, site, asked.pulse_width_us, asked.frequency_dhz) // _MA * _MA
    if not highest:
        return (
            f"not started: pulses of {asked.pulse_width_us} us at {asked.frequency_dhz // 10} Hz are above "
            "the ceilings of this site; they are refused, not reduced"
        )
    return asked.tightened(highest)


def silence(core: Core, now: int) -> str:
    """Why there is no stimulator to use; empty where there is one."""
    config = core.setup.config.stimulator
    if config is not None and config.driver in NOT_MEDICAL and config.research_use is None:
        return (
            "not started: by its maker's word this stimulator is not for medical use; the site signs for its "
            "use in research with stimulator.research_use in the configuration"
        )
    if core.stimulator.answers(now):
        return ""
    why = next((one.why for one in core.conditions() if one.name == "stimulator"), "")
    if core.stimulator.reading is None:
        return f"not started: no stimulator answers; {why or 'see `rvos device list` for the reason'}"
    return "not started: the stimulator has fallen silent; check its cable and power"


def blindness(core: Core, asked: NmesPrescription) -> str:
    """Why a loop on evoked responses would see none; empty where it might, or needs none."""
    hub = core.setup.config.hub
    if not isinstance(asked, NmesEvokedPrescription):
        return ""
    if hub is None or hub.evoked_channel is None:
        return (
            "not started: this prescription follows the evoked response, and the configuration does not say "
            "which channel of the hub's EMG lies over the stimulated muscle (hub.evoked_channel)"
        )
    emg = core.senses.emg
    if emg is None:
        return "not started: the hub tells no EMG of that channel that a loop could follow (rvos device list)"
    why = misfit(emg, asked.sweep.artifact_uv, asked.target + asked.tolerance)
    return f"not started: {why}; another gain, or another prescription" if why else ""


def left_ms(core: Core, patient: str, now: int) -> int:
    """What is left of this patient's stimulation in the last 24 h."""
    config = core.setup.config.stimulator
    if config is None:
        return 0
    trains = core.recorder.trains(patient, now)
    return budget.stimulation_left_ms(core.setup.limits, config.daily_minutes * _MINUTE_MS, trains)
