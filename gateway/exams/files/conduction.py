"""Motor and sensory conduction from a file: a study's numbers or its recorded responses, judged by a table.

Theory of operation
-------------------
A document or a table of sites (``studies``) has numbers; a table of sweeps (``sweeps``) is measured first.
Either becomes a ``Study`` and goes through ``gateway.exams.conduction_result``.  The criteria are a shipped
table or a file of the laboratory's own.  What the recruitment curve of a site says becomes values and flags
of the result.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from dsp.evoked import ONSET
from gateway.exams import conduction_result, criteria
from gateway.exams.conduction import MotorNerve, Site, Study, site_of
from gateway.exams.criteria import BlockTable
from gateway.exams.drawing import Analysed
from gateway.exams.errors import NotStated
from gateway.exams.files.conduction_drawing import drawing
from gateway.exams.files.stated import Opened, Stated, completed, entered, positive
from gateway.exams.files.studies import Measured, document, is_document, sites
from gateway.exams.files.sweeps import Measuring, SiteSweeps, has_sweeps, read_sites
from gateway.exams.recording import Recording
from gateway.exams.result import (
    Certainty,
    Definition,
    Flag,
    Parameter,
    Probe,
    Result,
    Severity,
    Source,
    Value,
)
from gateway.model import Side

USUAL_TABLE = "efns-pns-2010-mmn"
_PLATEAU = Definition(
    id="plateau_within_tolerance",
    text="the longest end of the recruitment curve within 5 % of its median, its halves within 2.5 %",
    source="this analysis",
    certainty=Certainty.PROPOSAL,
)


_NOTHING_MEASURED, _NOTHING_MEASURING = Measured(), Measuring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``criteria`` is a file of the laboratory's own; ``distances`` are ``SITE=MM`` from the site before."""

    definition: str = ""
    criteria: Path | None = None
    measured: Measured = _NOTHING_MEASURED
    measuring: Measuring = _NOTHING_MEASURING
    distances: tuple[str, ...] = ()
    lower_limit_mv: float | None = None


def analyse(path: Path, stated: Stated, asked: Asked) -> Analysed:
    """Judge the study in the file. Raises ``ExamRefused`` and its kinds."""
    positive("--spacing-mm", stated.spacing_mm)
    table = criteria.block_table(asked.criteria or asked.definition or USUAL_TABLE)
    recorded: tuple[SiteSweeps, ...] = ()
    if is_document(path):
        study, source = document(path)
    elif has_sweeps(path, asked.measuring):
        recorded, source = read_sites(path, asked.measuring)
        study = _study(recorded, asked)
    else:
        study, source = sites(path, asked.measured)
    if asked.lower_limit_mv is not None:
        study = _limited(study, asked.lower_limit_mv)
    probe = Probe(
        device=stated.device, site=stated.site, channel=stated.channel, spacing_mm=stated.spacing_mm
    )
    result = conduction_result.analyse(study, table, probe, source)
    known = Opened(_NO_RECORDING, probe, stated.limb, (), ())
    result = _with_recruitment(_with_reasons(result, recorded), recorded)
    whole = completed(result, known, _parameters(table, asked), _flags(recorded))
    return Analysed(whole, drawing(whole, study, table, recorded))


_NO_RECORDING = Recording(Source(name=""), "", array("d"), {})


def _parameters(table: BlockTable, asked: Asked) -> tuple[Parameter, ...]:
    is_default = not (asked.definition or asked.criteria)
    made = [entered("criteria", table.id, assumed=is_default)]
    measuring = asked.measuring
    for name, value, unit in (
        ("negative is", measuring.negative_is, ""),
        ("artifact window", measuring.artifact_ms, "ms"),
        ("end of search", measuring.end_ms, "ms"),
    ):
        if value:
            made.append(entered(name, value, unit))
    return tuple(made)


def _study(recorded: Sequence[SiteSweeps], asked: Asked) -> Study:
    distances = dict(_distance(text) for text in asked.distances)
    unknown = set(distances) - {one.site for one in recorded}
    if unknown:
        raise NotStated("--distance", f"no site {', '.join(sorted(unknown))} in the file")
    nerves: dict[tuple[str, str], list[Site]] = {}
    for one in recorded:
        distance_mm = distances.get(one.site, one.distance_mm)
        nerves.setdefault((one.nerve, one.side), []).append(_as_site(one, distance_mm))
    motor = tuple(
        MotorNerve(nerve=nerve, side=Side(side), sites=tuple(own)) for (nerve, side), own in nerves.items()
    )
    return Study(
        amplitude="negative_peak", area="negative_phase", duration="negative_phase", motor=motor, onset=ONSET
    )


def _distance(text: str) -> tuple[str, float]:
    site, _, written = text.partition("=")
    try:
        value = float(written)
    except ValueError:
        value = 0.0
    if not (site and 0.0 < value < 1e4):
        raise NotStated("--distance", f"{text!r}: write SITE=MM, from the next more distal site")
    return site, value


def _as_site(one: SiteSweeps, distance_mm: float | None) -> Site:
    if one.response is None:
        return Site(site=one.site, amplitude_mv=0.0, distance_mm=distance_mm, supramaximal=one.supramaximal)
    return site_of(one.site, one.response, distance_mm, one.supramaximal)


def _limited(study: Study, lower_limit_mv: float) -> Study:
    if len(study.motor) != 1:
        text = f"{len(study.motor)} motor nerves in the file: give each its own in the column lower_limit_mv"
        raise NotStated("--lower-limit-mv", text)
    if not 0.0 < lower_limit_mv < 1e6:
        raise NotStated("--lower-limit-mv", f"{lower_limit_mv} mV: give more than 0")
    (motor,) = study.motor
    return msgspec.structs.replace(
        study, motor=(msgspec.structs.replace(motor, lower_limit_mv=lower_limit_mv),)
    )


def _with_recruitment(result: Result, recorded: Sequence[SiteSweeps]) -> Result:
    values = []
    for one in recorded:
        if one.plateau is not None:
            for name, unit, value in (
                ("plateau", "mV", one.plateau.median_mv),
                ("plateau_spread", "mV", one.plateau.spread_mv),
                ("plateau_from", "stimulus", one.plateau.from_strength),
                ("recruitment_threshold", "stimulus", one.plateau.threshold_strength),
            ):
                values.append(
                    Value(
                        name=name,
                        unit=unit,
                        definition=_PLATEAU.id,
                        value=value,
                        of=one.of,
                        samples=one.plateau.points,
                    )
                )
    if not values:
        return result
    return msgspec.structs.replace(
        result, values=(*result.values, *values), definitions=(*result.definitions, _PLATEAU)
    )


_REASONS = {
    "onset_in_artifact": (("onset", "duration"), "the response begins inside the artifact window"),
    "artifact_not_over": (("area",), "part of the response may lie inside the artifact window"),
    "not_over_at_end": (("area", "duration"), "the response is not over when the sweep ends"),
}
"""What a flag of the response takes away."""


def _with_reasons(result: Result, recorded: Sequence[SiteSweeps]) -> Result:
    """Why a number of a recorded response is missing, rather than that nobody measured it."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in recorded:
        for flag in one.response.flags if one.response is not None else ():
            names, text = _REASONS.get(flag, ((), ""))
            for name in names:
                reasons.setdefault((name, one.of), []).append(text)
    flags = (
        msgspec.structs.replace(one, text="; ".join(reasons.get((one.about, one.of), [one.text])))
        if one.severity is Severity.MISSING
        else one
        for one in result.flags
    )
    return msgspec.structs.replace(result, flags=tuple(flags))


_TEXTS = {
    "onset_in_artifact": "the response begins inside the artifact window: no onset and no duration",
    "artifact_not_over": "the artifact is not over when its window ends: widen --artifact-ms",
    "not_over_at_end": "the response is not over when the sweep ends",
    "several_negative_phases": "several negative phases: dispersion, or another muscle",
    "near_noise": "hardly larger than the noise",
}


def _flags(recorded: Sequence[SiteSweeps]) -> tuple[Flag, ...]:
    made = []
    for one in recorded:
        said = [] if one.response is None else [_TEXTS.get(flag, flag) for flag in one.response.flags]
        if one.response is None:
            said.append("no response above the noise: taken as an amplitude of 0")
        if one.left_out:
            said.append(f"{one.left_out} sweeps with missing samples were left out")
        if one.no_plateau:
            said.append(f"not shown to be supramaximal, the strongest stimulus was taken: {one.no_plateau}")
        made += [Flag(id="sweep", severity=Severity.DOUBTFUL, text=text, of=one.of) for text in said]
    return tuple(made)
