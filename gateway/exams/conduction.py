"""Motor and sensory conduction: does a nerve's response fall on the way, and by which criterion.

Theory of operation
-------------------
A motor nerve is stimulated at several sites, from the wrist or ankle up to Erb's point, and the muscle's
response is measured each time.  Two neighbouring sites make a *segment*; what counts is how much amplitude
and area fall and the duration rises from the distal to the proximal response, and how fast the nerve
conducts.

What a table of criteria says of the segments is in ``gateway.exams.block``, the patient in
``gateway.exams.patient_rule``.  A muscle response of more than ``LARGEST_MV`` is refused: it was given in
another unit.

Units: mV, mV ms, ms, mm, m/s, uV; changes in per cent of the distal response.  Sources: the tables.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec

from dsp.evoked import Response
from gateway.exams import criteria
from gateway.exams.critical_illness import Examined
from gateway.exams.errors import TraceUnusable
from gateway.model import Side

LARGEST_MV = 100.0
"""No muscle answers with more (engineering proposal of this project)."""

_Amount = Annotated[float, msgspec.Meta(ge=0.0, le=1e6)]
_Positive = Annotated[float, msgspec.Meta(gt=0.0, le=1e6)]


class _Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings that all parts share."""


class Site(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The response to stimulation at one site; an amplitude of 0 is a response that was looked for in vain.

    ``distance_mm`` is along the nerve from the next more distal site.  ``supramaximal`` is ``None`` where
    nobody showed it; ``last_duration_ms`` goes to the last negative phase (``dsp.evoked.DEFINITIONS``).
    """

    site: str
    amplitude_mv: _Amount
    area_mv_ms: _Amount | None = None
    duration_ms: _Positive | None = None
    onset_ms: _Positive | None = None
    distance_mm: _Positive | None = None
    last_duration_ms: _Positive | None = None
    supramaximal: bool | None = None


class MotorNerve(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One nerve of one side, its sites from distal to proximal.

    ``lower_limit_mv`` is the laboratory's lower limit of normal of the distal amplitude.
    """

    nerve: str
    side: Side
    sites: Annotated[tuple[Site, ...], msgspec.Meta(min_length=1)]
    lower_limit_mv: _Positive | None = None


class SensoryNerve(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sensory response beside the laboratory's own limits; a limit of ``None`` was not given."""

    nerve: str
    side: Side
    amplitude_uv: _Amount
    lower_limit_uv: _Positive | None = None
    velocity_m_s: _Positive | None = None
    slowest_normal_m_s: _Positive | None = None


class Study(_Input, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that was recorded, with the definitions that the numbers were made by."""

    amplitude: Literal["negative_peak", "peak_to_peak"]
    area: str
    duration: str
    motor: tuple[MotorNerve, ...] = ()
    sensory: tuple[SensoryNerve, ...] = ()
    critical_illness: Examined | None = None
    onset: str = "first_negative_deflection"


class Segment(NamedTuple):
    """Proximal against distal; ``None`` where it cannot be had."""

    distal: Site
    proximal: Site
    amplitude_drop_percent: float | None
    area_drop_percent: float | None
    duration_rise_percent: float | None
    velocity_m_s: float | None
    entrapment: str
    is_long: bool

    @property
    def name(self) -> str:
        """Such as ``wrist-elbow``."""
        return f"{self.distal.site}-{self.proximal.site}"


def site_of(
    site: str, response: Response, distance_mm: float | None = None, supramaximal: bool | None = None
) -> Site:
    """A site from a measured sweep: ``negative_peak`` amplitude, area and duration of ``negative_phase``."""
    return Site(
        site=site,
        amplitude_mv=response.negative_peak_mv,
        area_mv_ms=response.area_mv_ms,
        duration_ms=response.duration_ms,
        onset_ms=response.onset_ms,
        distance_mm=distance_mm,
        last_duration_ms=response.last_duration_ms,
        supramaximal=supramaximal,
    )


def segments(motor: MotorNerve) -> tuple[Segment, ...]:
    """The segments between neighbouring sites.

    Raises ``TraceUnusable`` for sites out of their order and for a response that cannot be.
    """
    nerve = criteria.nerve(motor.nerve)
    names = [one.site for one in motor.sites]
    unknown = [name for name in names if name not in nerve.sites]
    if unknown:
        text = f"no site {', '.join(unknown)}: choose of {', '.join(nerve.sites)}"
        raise TraceUnusable(f"{motor.nerve} nerve", text)
    if sorted(set(names), key=nerve.sites.index) != names:
        text = f"sites {', '.join(names)}: give each once, from distal to proximal"
        raise TraceUnusable(f"{motor.nerve} nerve", text)
    for one in motor.sites:
        if one.amplitude_mv > LARGEST_MV:
            text = f"{one.site} {one.amplitude_mv:g} mV, more than any muscle ({LARGEST_MV:g}): is it in uV?"
            raise TraceUnusable(f"{motor.nerve} nerve", text)
    return tuple(_segment(nerve, *pair) for pair in zip(motor.sites, motor.sites[1:], strict=False))


def _segment(nerve: criteria.Nerve, distal: Site, proximal: Site) -> Segment:
    rise = _drop(distal.duration_ms, proximal.duration_ms)
    return Segment(
        distal,
        proximal,
        _drop(distal.amplitude_mv, proximal.amplitude_mv),
        _drop(distal.area_mv_ms, proximal.area_mv_ms),
        None if rise is None else 0.0 - rise,
        _velocity(nerve, distal, proximal),
        nerve.entrapment_within(distal.site, proximal.site),
        nerve.is_long(distal.site, proximal.site),
    )


def _drop(distal: float | None, proximal: float | None) -> float | None:
    """To nine decimals, so that from 6.0 to 7.8 is 30 % and on its bound, as on paper."""
    if distal is None or proximal is None or distal == 0.0:
        return None
    return round(100.0 * (distal - proximal) / distal, 9)


def _velocity(nerve: criteria.Nerve, distal: Site, proximal: Site) -> float | None:
    if distal.onset_ms is None or proximal.onset_ms is None or proximal.distance_mm is None:
        return None
    later_ms = proximal.onset_ms - distal.onset_ms
    if later_ms <= 0.0:
        text = (
            f"the response from {proximal.site} is not later than that from {distal.site}: check both onsets"
        )
        raise TraceUnusable(f"{nerve.name} nerve", text)
    return proximal.distance_mm / later_ms
