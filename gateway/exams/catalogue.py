"""Every examination that can be analysed: what it needs, its definitions and how sure we are, what it yields.

Theory of operation
-------------------
For people: ``rvos exam list`` prints it.  Definitions are taken from where they are used, so that what is
listed is what can be asked for.
"""

import textwrap
from collections.abc import Iterable

import msgspec

from dsp.cuff_reading import MAXIMUM_SLOPE, RATIOS_BMRI_2017
from dsp.emg_definitions import TEAGER_MAD_DRAFT
from gateway.exams import criteria, pulse
from gateway.exams.conduction_result import critical_illness_definitions
from gateway.exams.files import oxidative_capacity as oxidative_file
from gateway.exams.occlusion_definitions import DEFINITIONS, INDICES
from gateway.exams.oxidative_capacity_definitions import SIGNALS, WAYS
from gateway.exams.result import Certainty, Definition
from gateway.exams.sheet import WIDTH


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One examination. ``usual`` is what is taken where no definition is stated."""

    name: str
    title: str
    needs: tuple[str, ...]
    yields: str
    usual: str
    definitions: tuple[Definition, ...]


def entries() -> tuple[Entry, ...]:
    """In the order in which they are documented."""
    return (_occlusion(), _limb_pressure(), _oxidative(), _conduction(), _spasm(), _fatigue(), _pulse())


def _occlusion() -> Entry:
    return Entry(
        name="occlusion-test",
        title="Vascular occlusion test: what one occlusion shows of tissue oxygen",
        needs=(
            "sto2 in %, or o2hb and hhb in uM with --from-haemoglobin",
            "the occlusions: a column cuff in mmHg, marks, or --occlusion START-END",
            "--systolic, which the cuff must exceed; without it the occlusion is not verified",
        ),
        yields="cuff pressure, baseline, minimum, overshoot, times, areas; slopes by each definition",
        usual="the definitions with a slope that was read in its source: creteur2007, bezemer2009",
        definitions=(INDICES, *(one.describe() for one in DEFINITIONS.values())),
    )


def _limb_pressure() -> Entry:
    memory = "the pressure from which on the {} is level (broken line)"
    return Entry(
        name="limb-pressure",
        title="Limb occlusion pressure from a slow run of the cuff",
        needs=(
            "cuff in mmHg, 20 Hz or more, at least one slow run up or down over the systolic",
            "--limb, --posture supine, --cuff-width-mm, --systolic",
            "optional: distal, a pulse sensor beyond the cuff",
        ),
        yields="pressure of each run and its interval, median, spread; with --blood-pressure three more",
        usual="distal_disappearance where there is a distal column, else cuff_flattening",
        definitions=(
            _own("cuff_flattening", memory.format("oscillation of the cuff")),
            _own("distal_disappearance", memory.format("pulse beyond the cuff") + " and gone"),
            Definition(
                id=RATIOS_BMRI_2017.id,
                text="--blood-pressure: systolic and diastolic at fixed parts of the largest oscillation",
                source=RATIOS_BMRI_2017.source,
                certainty=Certainty(RATIOS_BMRI_2017.certainty),
            ),
            Definition(
                id=MAXIMUM_SLOPE,
                text="--blood-pressure: systolic and diastolic where the envelope is steepest",
                source="Front Physiol 2019;10:1415",
                certainty=Certainty.READ,
            ),
        ),
    )


def _oxidative() -> Entry:
    return Entry(
        name="oxidative-capacity",
        title="Oxidative capacity: how fast oxygen consumption recovers, by short occlusions",
        needs=(
            "o2hb and hhb in uM (or sto2 in %, which never compares with them)",
            "five or more short occlusions: a column cuff, marks, or --occlusion START-END",
        ),
        yields="k in 1/min with its interval, time constant, the slope of every occlusion",
        usual=oxidative_file.chosen("").definition,
        definitions=tuple(_oxidative_definition(one) for one in oxidative_file.ids()),
    )


def _oxidative_definition(name: str) -> Definition:
    signal, _, way = name.partition("/")
    corrected = {
        SIGNALS[0]: "HHb corrected for blood volume (Beever 2020)",
        SIGNALS[1]: "HHb corrected for blood volume (Ryan 2012)",
        SIGNALS[2]: "HHb as recorded, to see what the correction does",
        SIGNALS[3]: "StO2",
    }[signal]  # type: ignore[index]
    span_s = WAYS[way].span_s
    part = (
        "one line over each occlusion" if span_s is None else f"the steepest {span_s:g} s of each occlusion"
    )
    certainty = Certainty.MEMORY if signal == SIGNALS[1] else WAYS[way].certainty
    return Definition(id=name, text=f"{corrected}; {part}", source=WAYS[way].source, certainty=certainty)


def _conduction() -> Entry:
    tables = [criteria.block_table(name) for name in criteria.BLOCK_TABLES]
    rule = criteria.PATIENT_RULE
    return Entry(
        name="conduction",
        title="Motor and sensory conduction: does a response fall on its way, by which criterion",
        needs=(
            "a study (TOML, JSON), a table of one row a site, or one of sweeps (CSV)",
            "of a table: --amplitude-is, --area-is, --duration-is; of sweeps: --negative-is, --artifact-ms",
            "optional, in a study: critical_illness, with peroneal, ratio or duration",
        ),
        yields="drops, velocity, outcomes by segment and nerve, recruitment; indicators of critical illness",
        usual="efns-pns-2010-mmn; --criteria FILE takes a table of the laboratory's own",
        definitions=(
            *(_from(one.id, one.title, one.source, one.certainty) for one in tables),
            _from(rule.id, rule.title, rule.source, rule.certainty),
            *critical_illness_definitions(),
        ),
    )


def _spasm() -> Entry:
    return Entry(
        name="spasm",
        title="Spasm monitor: how often and how long a muscle was in spasm while it was watched",
        needs=(
            "emg in uV, mV or V, as recorded, 1000 Hz or more",
            "--baseline START-END, when the muscle was quiet; stimuli as marks, a column or --stimulated",
        ),
        yields="episodes, their rate per watched hour, time in spasm, longest and median",
        usual=TEAGER_MAD_DRAFT.id,
        definitions=(
            _from(
                TEAGER_MAD_DRAFT.id,
                "Teager-Kaiser energy over a robust threshold of the baseline; --set changes a number",
                "usual values from memory and proposals of this project, together a draft",
                Certainty.MEMORY,
            ),
        ),
    )


def _fatigue() -> Entry:
    source = "Poulsen 2015, doi 10.1155/2015/193493"
    return Entry(
        name="fatigue",
        title="Fatigue test: how much the peaks of repeated contractions fall",
        needs=(
            "peak (one row a contraction), force, or emg as recorded",
            "--current-ma, --pulse-width-us and --frequency-hz, or --voluntary",
        ),
        yields="mean of the first and last peaks, their ratio, slope in % per contraction",
        usual="peak_ratio; both are in every result",
        definitions=(
            _from("peak_ratio", "mean of the last peaks over the mean of the first", source, Certainty.READ),
            _from("peak_slope", "regression line through all peaks", source, Certainty.READ),
        ),
    )


def _pulse() -> Entry:
    return Entry(
        name="pulse",
        title="Pulse: rate, how good the beats are, perfusion, the shape of the mean beat",
        needs=("ppg in any unit, 20 to 4000 Hz, rising with the pulse (else --inverted)",),
        yields="rate, interval, beats; perfusion index with --light; indices of the mean beat, uncalibrated",
        usual="beats-1",
        definitions=pulse.DEFINITIONS,
    )


def _own(name: str, text: str) -> Definition:
    return _from(name, text, "rvos, not compared with Doppler", Certainty.PROPOSAL)


def _from(name: str, text: str, source: str, certainty: Certainty) -> Definition:
    return Definition(id=name, text=text, source=source, certainty=certainty)


def text(listed: Iterable[Entry]) -> str:
    """For a person."""
    return "\n\n".join("\n".join(_lines(one)) for one in listed)


def _lines(one: Entry) -> list[str]:
    lines = [f"{one.name}", f"  {one.title}"]
    lines += [f"  {'needs' if at == 0 else '     '}   {need}" for at, need in enumerate(one.needs)]
    lines += [f"  gives   {one.yields}", f"  usual   {one.usual}", "  definitions"]
    width = max(len(each.id) for each in one.definitions)
    for each in one.definitions:
        lines += _column(f"    {each.id:<{width}}  ", each.text)
        lines += _column(" " * (6 + width), f"[{each.certainty.value}: {each.source}]")
    return lines


def _column(before: str, text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=before, subsequent_indent=" " * len(before))
