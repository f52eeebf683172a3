"""Conduction: the worked example with its three outcomes, the tables, entrapment sites, the patient rule."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from dsp.evoked import Response
from gateway.exams import criteria
from gateway.exams.block import NerveOutcome, nerve_outcome
from gateway.exams.conduction import MotorNerve, SensoryNerve, Site, Study, segments, site_of
from gateway.exams.conduction_result import analyse
from gateway.exams.criteria import BlockTable, Condition, block_table
from gateway.exams.errors import (
    DefinitionUnknown,
    ExamRefused,
    NotComparable,
    RecordingUnusable,
    TraceUnusable,
)
from gateway.exams.patient_rule import is_normal, patient_outcome
from gateway.exams.result import Probe, Result, Severity, Source, decode, encode
from gateway.model import Side

MMN = block_table("efns-pns-2010-mmn")
CIDP = block_table("efns-pns-2010-cidp")
PROBE = Probe(device="amplifier of this test", site="abductor pollicis brevis")


def sites(*rows: tuple[Any, ...]) -> tuple[Site, ...]:
    """Rows of site, amplitude, area, duration; shorter rows lack the rest."""
    names = ("site", "amplitude_mv", "area_mv_ms", "duration_ms", "onset_ms", "distance_mm")
    return tuple(Site(**dict(zip(names, row, strict=False))) for row in rows)


def motor(
    *rows: tuple[Any, ...], nerve: str = "median", side: Side = Side.LEFT, limit: float | None = None
) -> MotorNerve:
    return MotorNerve(nerve=nerve, side=side, sites=sites(*rows), lower_limit_mv=limit)


def study(*nerves: MotorNerve, sensory: tuple[SensoryNerve, ...] = (), **changes: str) -> Study:
    words = {"amplitude": "negative_peak", "area": "negative_phase", "duration": "negative_phase"} | changes
    return Study(motor=nerves, sensory=sensory, **words)  # type: ignore[arg-type]


def outcome(nerve: MotorNerve, table: BlockTable = MMN) -> NerveOutcome:
    return nerve_outcome(study(nerve), nerve, table)


def example(rise: float | None, limit: float | None = None) -> MotorNerve:
    """Clinical facts, 10.2: wrist 5.7 mV and 41.5 mV ms, elbow 1.2 and 8.2, arm 1.0 and 7.4."""
    durations = (None, None) if rise is None else (6.0, 6.0 * (1 + rise / 100))
    return motor(
        ("wrist", 5.7, 41.5, durations[0]),
        ("elbow", 1.2, 8.2, durations[1]),
        ("arm", 1.0, 7.4, durations[1]),
        limit=limit,
    )


def test_the_worked_example_has_the_drops_of_the_source() -> None:
    first, second = segments(example(None))
    assert first.amplitude_drop_percent == pytest.approx(78.9, abs=0.05)
    assert first.area_drop_percent == pytest.approx(80.2, abs=0.05)
    assert second.amplitude_drop_percent == pytest.approx(16.7, abs=0.05)
    assert second.area_drop_percent == pytest.approx(9.8, abs=0.05)


@pytest.mark.parametrize(
    ("rise", "wanted"), [(10.0, "definite"), (30.0, "definite"), (45.0, "probable"), (None, "indeterminate")]
)
@pytest.mark.parametrize("limit", [None, 4.0])
def test_the_worked_example_has_three_outcomes(rise: float | None, limit: float | None, wanted: str) -> None:
    found = outcome(example(rise, limit))
    assert found.outcome == wanted
    assert found.segments[0].outcome == wanted


def test_without_duration_it_says_what_would_decide() -> None:
    first = outcome(example(None)).segments[0]
    assert first.missing == ("duration_rise_percent",)
    assert first.would_be[0] == "definite if duration_rise_percent at most 30"
    assert "probable if duration_rise_percent above 30" in first.would_be


def test_without_the_lower_limit_the_grade_stands_on_a_condition() -> None:
    assert outcome(example(10.0)).segments[0].provided == (
        "the laboratory's lower limit of normal, not given, is below 28.5 mV",
    )
    assert outcome(example(10.0, limit=4.0)).segments[0].provided == ()
    assert outcome(example(45.0)).segments[0].provided == (), "the probable rule does not ask for it"


def test_a_table_may_insist_on_the_lower_limit() -> None:
    strict = msgspec.structs.replace(MMN, lower_limit_missing="indeterminate")
    found = outcome(example(10.0), strict)
    assert found.outcome == "indeterminate"
    assert found.missing == ("distal_amplitude_percent_of_lower_limit",)


def test_a_limit_that_is_not_reached_takes_the_definite_grade_away() -> None:
    assert outcome(example(10.0, limit=30.0)).outcome == "probable"


@pytest.mark.parametrize(
    ("proximal_area", "wanted"), [(50.0, "definite"), (50.1, "probable"), (70.0, "probable"), (70.1, "none")]
)
def test_bounds_of_area_belong_to_the_grade(proximal_area: float, wanted: str) -> None:
    rows = ("wrist", 6.0, 100.0, 6.0), ("elbow", 5.0, proximal_area, 6.0)
    assert outcome(motor(*rows, limit=4.0)).outcome == wanted


@pytest.mark.parametrize(
    ("rise", "area", "wanted"), [(30.0, 40.0, "definite"), (30.1, 40.0, "probable"), (30.1, 60.0, "none")]
)
def test_bounds_of_duration_belong_to_the_grade(rise: float, area: float, wanted: str) -> None:
    rows = ("wrist", 6.0, 100.0, 10.0), ("elbow", 5.0, area, 10.0 + rise / 10)
    assert outcome(motor(*rows, limit=4.0)).outcome == wanted


def test_a_distal_response_of_1_mv_is_too_small_for_definite() -> None:
    rows = ("wrist", 1.0, 8.0, 6.0), ("elbow", 0.3, 2.0, 6.0)
    assert outcome(motor(*rows, limit=4.0)).outcome == "probable"


def test_probable_by_a_third_of_the_area_needs_a_long_segment_of_an_arm() -> None:
    rows = (6.0, 10.0, 6.0), (5.0, 6.5, 6.0)
    long = motor(("wrist", *rows[0]), ("elbow", *rows[1]), limit=4.0)
    short = motor(("elbow", *rows[0]), ("arm", *rows[1]), limit=4.0)
    leg = motor(("ankle", *rows[0]), ("below_fibular_head", *rows[1]), nerve="peroneal", limit=2.0)
    across = motor(("wrist", *rows[0]), ("axilla", *rows[1]), limit=4.0)
    assert [outcome(one).outcome for one in (long, short, leg, across)] == [
        "probable",
        "none",
        "none",
        "probable",
    ]


def test_a_block_across_an_entrapment_site_does_not_count() -> None:
    rows = ("below_elbow", 6.0, 10.0, 6.0), ("above_elbow", 2.0, 3.0, 6.0)
    found = outcome(motor(("wrist", 6.2, 10.5, 6.0), *rows, nerve="ulnar", limit=4.0))
    assert found.outcome == "none"
    assert [one.outcome for one in found.segments] == ["none", "definite"]
    assert any("entrapment site, elbow" in note for note in found.notes)
    jumped = motor(("wrist", 6.2, 10.5, 6.0), ("axilla", 2.0, 3.0, 6.0), nerve="ulnar", limit=4.0)
    assert segments(jumped)[0].entrapment == "elbow"
    assert outcome(jumped).outcome == "indeterminate", "no segment that counts was examined"


@pytest.mark.parametrize(
    ("nerve", "pair", "name"),
    [
        ("median", ("palm", "wrist"), "wrist (carpal tunnel)"),
        ("median", ("wrist", "elbow"), ""),
        ("ulnar", ("palm", "wrist"), "wrist"),
        ("peroneal", ("below_fibular_head", "above_fibular_head"), "fibular head"),
        ("peroneal", ("ankle", "below_fibular_head"), ""),
    ],
)
def test_entrapment_sites(nerve: str, pair: tuple[str, str], name: str) -> None:
    assert criteria.nerve(nerve).entrapment_within(*pair) == name


def test_a_nerve_that_the_table_does_not_know_is_not_covered() -> None:
    rows = ("ankle", 6.0, 10.0, 6.0), ("popliteal_fossa", 1.0, 2.0, 6.0)
    assert outcome(motor(*rows, nerve="tibial")).outcome == "not_covered"


def test_no_proximal_response_has_no_duration_and_says_so() -> None:
    found = outcome(motor(("wrist", 6.0, 10.0, 6.0), ("elbow", 0.0, 0.0, None), limit=4.0))
    assert found.outcome == "indeterminate"
    assert any("no proximal response" in note for note in found.notes)


def test_no_distal_response_allows_no_ratio() -> None:
    found = outcome(motor(("wrist", 0.0, 0.0, None), ("elbow", 0.0, 0.0, None), limit=4.0))
    assert found.segments[0].segment.area_drop_percent is None
    assert found.outcome != "definite"


# CIDP


@pytest.mark.parametrize(
    ("nerve", "proximal", "wanted"),
    [
        ("median", 3.0, "definite"),
        ("median", 3.01, "probable"),
        ("median", 4.2, "probable"),
        ("median", 4.21, "none"),
        ("tibial", 4.0, "none"),
        ("tibial", 3.0, "definite"),
    ],
)
def test_cidp_by_amplitude(nerve: str, proximal: float, wanted: str) -> None:
    names = ("wrist", "elbow") if nerve == "median" else ("ankle", "popliteal_fossa")
    found = outcome(motor((names[0], 6.0), (names[1], proximal), nerve=nerve, limit=4.0), CIDP)
    assert found.outcome == wanted


def test_cidp_tells_dispersion_and_a_long_distal_response() -> None:
    distal = Site(site="wrist", amplitude_mv=6.0, duration_ms=6.0, last_duration_ms=6.6)
    proximal = Site(site="elbow", amplitude_mv=5.5, duration_ms=8.0)
    found = outcome(MotorNerve(nerve="median", side=Side.LEFT, sites=(distal, proximal)), CIDP)
    assert any("dispersion" in note for note in found.notes)
    assert any("prolonged" in note for note in found.notes)


# measures of a segment


def test_velocity_is_distance_over_the_difference_of_the_onsets() -> None:
    first, *_ = segments(motor(("wrist", 6.0, None, None, 3.5), ("elbow", 5.5, None, None, 7.5, 220.0)))
    assert first.velocity_m_s == pytest.approx(55.0)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ((("elbow", 5.0), ("wrist", 6.0)), "from distal to proximal"),
        ((("wrist", 5.0), ("wrist", 6.0)), "once"),
        ((("knee", 5.0),), "no site knee"),
        ((("wrist", 6.0, None, None, 7.5), ("elbow", 5.5, None, None, 7.5, 220.0)), "check both onsets"),
    ],
)
def test_sites_that_cannot_be_are_refused(rows: tuple[Any, ...], match: str) -> None:
    with pytest.raises(TraceUnusable, match=match):
        segments(motor(*rows))


def test_other_definitions_than_the_tables_are_not_compared() -> None:
    for changes in ({"amplitude": "peak_to_peak"}, {"duration": "last_negative_phase"}):
        one = study(example(10.0), **changes)
        with pytest.raises(NotComparable, match="is made for"):
            nerve_outcome(one, one.motor[0], MMN)


def test_a_measured_sweep_becomes_a_site() -> None:
    response = Response(3.1, 6.0, 5.0, 9.0, 6.2, 22.0, 7.0, 24.0, 1, 0.0, 0.01, 0.05, ())
    assert site_of("wrist", response, supramaximal=True) == Site(
        site="wrist",
        amplitude_mv=6.0,
        area_mv_ms=22.0,
        duration_ms=6.2,
        onset_ms=3.1,
        last_duration_ms=7.0,
        supramaximal=True,
    )


# the patient


def normal(
    nerve: str, amplitude: float = 20.0, limit: float | None = 10.0, side: Side = Side.LEFT
) -> SensoryNerve:
    return SensoryNerve(nerve=nerve, side=side, amplitude_uv=amplitude, lower_limit_uv=limit)


BLOCKED = (
    example(10.0, limit=4.0),
    motor(("wrist", 6.0, 10.0, 6.0), ("below_elbow", 2.0, 3.0, 6.0), nerve="ulnar", limit=4.0),
)
SENSORY = (normal("median"), normal("ulnar"), normal("sural"))


def patient(*nerves: MotorNerve, sensory: tuple[SensoryNerve, ...] = SENSORY) -> Any:
    one = study(*nerves, sensory=sensory)
    judged = tuple(nerve_outcome(one, nerve, MMN) for nerve in nerves)
    return patient_outcome(one, judged, criteria.PATIENT_RULE)


def test_two_blocked_nerves_and_three_normal_sensory_ones_meet_the_rule() -> None:
    found = patient(*BLOCKED)
    assert found.is_met is True
    assert found.motor_nerves == ("median left", "ulnar left")
    assert found.missing == ()


def sound(nerve: str = "ulnar") -> MotorNerve:
    return motor(("wrist", 6.0, 10.0, 6.0), ("below_elbow", 5.8, 9.5, 6.0), nerve=nerve, limit=4.0)


@pytest.mark.parametrize(
    ("nerves", "sensory", "is_met"),
    [
        ((BLOCKED[0], sound()), SENSORY, False),
        ((BLOCKED[0],), SENSORY, None),
        ((BLOCKED[0], motor(("wrist", 6.0), ("below_elbow", 2.0), nerve="ulnar")), SENSORY, None),
        (BLOCKED, SENSORY[:2], None),
        (BLOCKED, (normal("median", 5.0), *SENSORY[1:], normal("radial")), False),
        (BLOCKED, (normal("radial"), *SENSORY[1:]), None),
        (BLOCKED, (normal("median", limit=None), *SENSORY[1:]), None),
    ],
)
def test_what_is_not_known_is_not_normal(
    nerves: tuple[MotorNerve, ...], sensory: tuple[SensoryNerve, ...], is_met: bool | None
) -> None:
    found = patient(*nerves, sensory=sensory)
    assert found.is_met is is_met
    assert bool(found.missing) is (is_met is None)


def test_block_at_entrapment_sites_makes_no_patient_whatever_the_table_says() -> None:
    rows = ("below_elbow", 6.0, 10.0, 6.0), ("above_elbow", 1.0, 1.5, 6.0)
    both = [motor(*rows, nerve="ulnar", side=side, limit=4.0) for side in Side]
    one = study(*both, sensory=SENSORY)
    judged = tuple(nerve_outcome(one, nerve, CIDP) for nerve in both)
    assert [nerve.outcome for nerve in judged] == ["definite", "definite"]
    assert patient_outcome(one, judged, criteria.PATIENT_RULE).is_met is False


def test_a_sensory_nerve_is_normal_by_the_laboratorys_limits_only() -> None:
    assert is_normal(normal("sural")) is True
    assert is_normal(normal("sural", amplitude=9.9)) is False
    assert is_normal(normal("sural", limit=None)) is None
    slow = msgspec.structs.replace(normal("sural"), velocity_m_s=30.0)
    assert is_normal(slow) is None
    assert is_normal(msgspec.structs.replace(slow, slowest_normal_m_s=40.0)) is False


# the result


def judged(*nerves: MotorNerve, table: BlockTable = MMN) -> Result:
    return analyse(study(*nerves, sensory=SENSORY), table, PROBE, Source(name="of this test"))


def test_a_result_says_everything_and_survives_its_json() -> None:
    found = judged(*BLOCKED)
    assert found.definition == "efns-pns-2010-mmn"
    assert found.findings["median left"] == "meets definite block by efns-pns-2010-mmn"
    said = found.findings["patient by patient-olney-2003"]
    assert said.startswith("electrophysiological part met (block by efns-pns-2010-mmn, not by the rule's own")
    assert said.endswith("clinical part open")
    assert "other_limits" in {flag.id for flag in found.flags}
    assert found.value("area_drop", "median left wrist-elbow").value == pytest.approx(80.24, abs=0.01)
    assert found.value("velocity", "median left wrist-elbow").value is None
    assert decode(encode(found)) == found


def test_no_words_of_a_result_diagnose() -> None:
    text = encode(judged(*BLOCKED)).decode().lower()
    assert "diagnos" not in text
    assert "meets: " in text


def test_a_nerve_twice_or_none_is_refused() -> None:
    with pytest.raises(TraceUnusable, match="twice"):
        judged(BLOCKED[0], BLOCKED[0])
    with pytest.raises(TraceUnusable, match="no motor nerve"):
        judged()


# tables


def own_table(tmp_path: Path, certainty: str, **changes: str) -> Path:
    shipped = Path(criteria.__file__).parent / "criteria" / "efns-pns-2010-mmn.toml"
    text = shipped.read_text().replace('certainty = "read"', f'certainty = "{certainty}"')
    for old, new in changes.items():
        text = text.replace(old, new)
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("certainty", ["from memory", "unknown", "entered by a person"])
def test_an_unverified_table_flags_each_result(tmp_path: Path, certainty: str) -> None:
    found = judged(*BLOCKED, table=block_table(own_table(tmp_path, certainty)))
    flags = [flag for flag in found.flags if flag.id == "table_unverified"]
    assert [flag.severity for flag in flags] == [Severity.DOUBTFUL]
    assert not [flag for flag in judged(*BLOCKED).flags if flag.id == "table_unverified"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("at_least = 50.0", "at_least = 50.0, above = 3.0"), ("area_drop_percent", "area"), ("rule", "rules")],
)
def test_a_table_with_a_slip_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(RecordingUnusable, match="not a table"):
        block_table(own_table(tmp_path, "read", **{old: new}))


def test_unknown_tables_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionUnknown, match="efns-pns-2010-cidp"):
        block_table("aaem-1999")
    with pytest.raises(RecordingUnusable, match="cannot be read"):
        block_table(tmp_path / "none.toml")
    with pytest.raises(DefinitionUnknown, match="median"):
        criteria.nerve("sciatic")


def test_every_shipped_table_was_read_and_names_its_source() -> None:
    for table in (MMN, CIDP):
        assert table.is_verified
        assert "2010" in table.source
    assert criteria.SITES.long_segments.certainty == "engineering proposal"


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        (Condition(measure="area_drop_percent", at_least=50.0), 50.0, True),
        (Condition(measure="area_drop_percent", above=50.0), 50.0, False),
        (Condition(measure="area_drop_percent", at_most=50.0), 50.0, True),
        (Condition(measure="area_drop_percent", below=50.0), 50.0, False),
        (Condition(measure="area_drop_percent", below=50.0), None, None),
    ],
)
def test_conditions(condition: Condition, value: float | None, holds: bool | None) -> None:
    assert condition.holds(value) is holds


def test_study_from_a_file_knows_its_keys() -> None:
    good = {"amplitude": "negative_peak", "area": "negative_phase", "duration": "negative_phase", "motor": []}
    assert msgspec.convert(good, Study).motor == ()
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(good | {"amplitud": 1}, Study)
    assert issubclass(RecordingUnusable, ExamRefused)
