"""Prescriptions: the shipped ones, where each number comes from, and located refusals."""

import hashlib
import tomllib
from importlib import resources

import pytest

from gateway.safety.limits import HARD
from gateway.therapy import prescription
from gateway.therapy.prescription import (
    NmesEvokedPrescription,
    NmesPrescription,
    PrescriptionError,
    RvosPrescription,
    Sweep,
    load,
    names,
    parse,
    text,
)

OCCLUSIONS = ["demo", "rvos-after-rosprox"]
STIMULATIONS = ["nmes-after-angelopoulos", "nmes-demo"]
CLOSED_LOOPS = ["nmes-evoked-demo", "nmes-force-demo"]
SHIPPED = sorted(OCCLUSIONS + STIMULATIONS + CLOSED_LOOPS)
QUANTITIES = {
    "rvos": ["cycles", "occlusion", "reperfusion", "margin", "baseline", "pressure_wait"],
    "nmes": ["duration", "on", "off", "frequency", "pulse_width", "current"],
    "nmes-force": [
        *("duration", "on", "off", "frequency", "pulse_width", "current"),
        *("target_force", "tolerance", "gain", "settle"),
    ],
    "nmes-evoked": [
        *("duration", "on", "off", "frequency", "pulse_width", "current"),
        *("target_response", "tolerance", "gain", "settle"),
        *("artifact", "window_begin", "window_end", "least_response"),
    ],
}


def written(name: str) -> bytes:
    return (resources.files("gateway.therapy") / "prescriptions" / f"{name}.toml").read_bytes()


def changed(old: str, new: str, name: str = "demo") -> bytes:
    data = written(name)
    assert data.count(old.encode()) == 1
    return data.replace(old.encode(), new.encode())


def test_what_is_shipped() -> None:
    assert names() == SHIPPED


def test_after_rosprox() -> None:
    data = written("rvos-after-rosprox")
    assert load("rvos-after-rosprox") == RvosPrescription(
        name="rvos-after-rosprox",
        title="Repetitive vascular occlusion, four times five minutes",
        sha256=hashlib.sha256(data).hexdigest(),
        cycles=4,
        occlusion_ms=300_000,
        reperfusion_ms=300_000,
        margin_mmhg=50,
        baseline_ms=30_000,
        pressure_wait_ms=600_000,
    )


def test_the_demonstration() -> None:
    demo = load("demo")
    assert (demo.cycles, demo.occlusion_ms, demo.reperfusion_ms, demo.margin_mmhg) == (2, 6_000, 6_000, 50)
    assert (demo.baseline_ms, demo.pressure_wait_ms) == (6_000, 600_000)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_number_says_its_unit_source_and_certainty(name: str) -> None:
    tables = tomllib.loads(text(name))
    quantities = QUANTITIES[tables["therapy"]]
    assert [key for key, value in tables.items() if isinstance(value, dict)] == quantities
    for key in quantities:
        assert tables[key].keys() == {"value", "unit", "source", "certainty"}
        assert tables[key]["unit"].strip()
        assert tables[key]["source"].strip()
        assert tables[key]["certainty"] in {"read", "engineering proposal"}


def test_after_angelopoulos() -> None:
    data = written("nmes-after-angelopoulos")
    found = load("nmes-after-angelopoulos")
    assert found == NmesPrescription(
        name="nmes-after-angelopoulos",
        title="Electrical stimulation, 45 Hz, 5 s on and 12 s off, 30 minutes",
        sha256=hashlib.sha256(data).hexdigest(),
        duration_ms=1_800_000,
        on_ms=5_000,
        off_ms=12_000,
        frequency_dhz=450,
        pulse_width_us=400,
        current_ua=40_000,
    )
    assert found.contractions == found.steps == 105


def test_a_site_tightens_the_current_and_never_loosens_it() -> None:
    found = load("nmes-demo")
    assert isinstance(found, NmesPrescription)
    assert found.tightened(30_000).current_ua == 30_000
    assert found.tightened(50_000) == found


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[on]\nvalue = 2", "[on]\nvalue = 21", r"<= 20 - at `\$.on.value`"),
        ("[off]\nvalue = 3", "[off]\nvalue = 0", r">= 1 - at `\$.off.value`"),
        ("value = 45", "value = 101", r"<= 100 - at `\$.frequency.value`"),
        ("value = 400", "value = 1001", r"<= 1000 - at `\$.pulse_width.value`"),
        ("value = 40\n", "value = 0\n", r">= 1 - at `\$.current.value`"),
        ("[duration]\nvalue = 30", "[duration]\nvalue = 4", "shorter than one contraction"),
        ("[current]", "[occlusion]", "unknown field `occlusion`"),
    ],
)
def test_a_wrong_stimulation_is_refused_where_it_is_wrong(old: str, new: str, said: str) -> None:
    with pytest.raises(PrescriptionError, match=said):
        parse("nmes-demo", changed(old, new, "nmes-demo"))


def test_the_loop_on_evoked_responses() -> None:
    found = load("nmes-evoked-demo")
    assert isinstance(found, NmesEvokedPrescription)
    assert (found.target, found.tolerance, found.gain_ua, found.settle_ms) == (1_000, 150, 3_000, 60)
    assert found.sweep == Sweep(artifact_uv=2_500, begin_ms=3, end_ms=25, least_uv=150)
    assert (found.frequency_dhz, found.current_ua, found.contractions) == (250, 40_000, 12)
    assert found.tightened(5_000).sweep == found.sweep


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[window_end]\nvalue = 25", "[window_end]\nvalue = 3", "its window ends at 3 ms and begins at 3 ms"),
        ("[window_end]\nvalue = 25", "[window_end]\nvalue = 39", "at 25 Hz a pulse follows 40 ms after"),
        ("[window_end]\nvalue = 25", "[window_end]\nvalue = 101", r"<= 100 - at `\$.window_end.value`"),
        ("[artifact]\nvalue = 2500", "[artifact]\nvalue = 0", r">= 1 - at `\$.artifact.value`"),
        ("[gain]\nvalue = 3000", "[gain]\nvalue = 20001", r"<= 20000 - at `\$.gain.value`"),
        ("[artifact]\nvalue = 2500", "[artifact]\nvalue = 1150", "has to be more than the target with its"),
        ("[least_response]\nvalue = 150", "[least_response]\nvalue = 850", "has to be less than the target"),
    ],
)
def test_a_sweep_that_no_pulse_leaves_room_for_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(PrescriptionError, match=said) as refusal:
        parse("nmes-evoked-demo", changed(old, new, "nmes-evoked-demo"))
    assert str(refusal.value).startswith("prescription nmes-evoked-demo: ")


def test_a_window_may_end_two_milliseconds_before_the_next_pulse() -> None:
    edge = changed("[window_end]\nvalue = 25", "[window_end]\nvalue = 38", "nmes-evoked-demo")
    assert isinstance(parse("nmes-evoked-demo", edge), NmesEvokedPrescription)


@pytest.mark.parametrize("name", OCCLUSIONS)
def test_a_prescription_stays_within_the_limits(name: str) -> None:
    asked = load(name)
    assert asked.occlusion_ms <= HARD.planned_longest_ms
    assert asked.margin_mmhg >= HARD.occluding_margin_mmhg
    assert (HARD.systolic_highest_mmhg + asked.margin_mmhg) * 10 <= HARD.pressure_ceiling_dmmhg


def test_the_text_is_the_file() -> None:
    assert text("demo").encode() == written("demo")


def test_the_hash_is_of_the_bytes_alone() -> None:
    data = written("demo")
    assert parse("demo", data).sha256 == parse("demo", data).sha256 == hashlib.sha256(data).hexdigest()
    commented = data + b"# a comment\n"
    assert parse("demo", commented).sha256 == hashlib.sha256(commented).hexdigest()
    assert parse("demo", commented).cycles == parse("demo", data).cycles


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('therapy = "rvos"', 'therapy = "rvos"\nsides = 2', "unknown field `sides`"),
        ('unit = "cycles"', 'unit = "cycles"\nper = "day"', r"unknown field `per` - at `\$.cycles`"),
        ("value = 50", 'value = "50"', r"Expected `int`, got `str` - at `\$.margin.value`"),
        ("value = 50", "value = 50.5", r"Expected `int`, got `float` - at `\$.margin.value`"),
        ("value = 50", "value = 50.0", r"Expected `int`, got `float` - at `\$.margin.value`"),
        ("value = 50", "value = 19", r">= 20 - at `\$.margin.value`"),
        ("value = 50", "value = 151", r"<= 150 - at `\$.margin.value`"),
        ("value = 2\n", "value = 0\n", r">= 1 - at `\$.cycles.value`"),
        ("value = 2\n", "value = 21\n", r"<= 20 - at `\$.cycles.value`"),
        ("[occlusion]\nvalue = 6", "[occlusion]\nvalue = 0", r">= 1 - at `\$.occlusion.value`"),
        ("[occlusion]\nvalue = 6", "[occlusion]\nvalue = 301", r"<= 300 - at `\$.occlusion.value`"),
        ("[reperfusion]\nvalue = 6", "[reperfusion]\nvalue = -1", r">= 0 - at `\$.reperfusion.value`"),
        ("[baseline]\nvalue = 6", "[baseline]\nvalue = 3601", r"<= 3600 - at `\$.baseline.value`"),
        ("value = 600\n", "", r"missing required field `value` - at `\$.pressure_wait`"),
        ("[baseline]", "[base_line]", "unknown field `base_line`"),
        ('therapy = "rvos"', 'therapy = "bfr"', r"\$.therapy"),
        (
            'source = "rvos: short enough to watch"\ncertainty = "engineering proposal"\n\n[occ',
            "[occ",
            "source",
        ),
        ('unit = "cycles"', 'unit = " "', r"\$.cycles.unit"),
        ('source = "rvos"\n', 'source = ""\n', r"\$.pressure_wait.source"),
        ('certainty = "read"', 'certainty = "sure"', r"Invalid enum value 'sure' - at `\$.margin.certainty`"),
        ("[cycles]", "[cycles", "at line 8"),
    ],
)
def test_a_file_that_says_anything_else_is_refused_where_it_does(old: str, new: str, said: str) -> None:
    with pytest.raises(PrescriptionError, match=said) as refusal:
        parse("demo", changed(old, new))
    assert str(refusal.value).startswith("prescription demo: ")


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(PrescriptionError, match=r"prescription demo: .*utf-8"):
        parse("demo", b"\xff\xfe")


def test_a_file_under_another_name_is_refused() -> None:
    with pytest.raises(PrescriptionError, match="prescription other: the file calls itself 'demo'"):
        parse("other", written("demo"))


@pytest.mark.parametrize(
    "name", ["rvos", "", "Demo", "../prescriptions/demo", "demo.toml", "demo\n", "a" * 65]
)
def test_an_unknown_prescription_lists_those_that_exist(name: str) -> None:
    for ask in (load, text):
        with pytest.raises(
            PrescriptionError,
            match="there are: " + ", ".join(SHIPPED),
        ) as refusal:
            ask(name)
        assert repr(name) in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [("value = 50", "value = 20"), ("value = 50", "value = 150"), ("value = 2\n", "value = 20\n")]
    + [("[occlusion]\nvalue = 6", f"[occlusion]\nvalue = {edge}") for edge in (1, 300)]
    + [("[reperfusion]\nvalue = 6", f"[reperfusion]\nvalue = {edge}") for edge in (0, 3600)],
)
def test_the_edges_are_allowed(old: str, new: str) -> None:
    assert isinstance(prescription.parse("demo", changed(old, new)), RvosPrescription)
