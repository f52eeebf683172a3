"""The hazard log is whole: every hazard has controls and tests that exist, every reason code its hazard."""

from typing import Any

import msgspec
import pytest

from bench.hazards import (
    FOLDER,
    PAGE,
    SIGNALS,
    Chapter,
    Control,
    Hazard,
    all_of,
    findings,
    load,
    place_exists,
    render,
    test_exists,
)
from gateway.model import Reason
from gateway.safety.reasons import kind_of

# not a test of ours: pytest would collect it by its name
node_exists = test_exists
del test_exists

CHAPTERS = load()
LOG = all_of(CHAPTERS)
HERE = "tests/docs/test_hazards.py"

SOUND = Hazard(
    id="H-01",
    hazard="a hazard",
    sequence="a sequence",
    harm="a harm",
    severity="serious",
    probability="unknown",
    residual="some",
    controls=[Control(kind="gateway", text="a control", where=["gateway/safety/checks.py::TRIPS"])],
    verification=[f"{HERE}::test_the_log_has_no_findings"],
    reasons=[reason.value for reason in Reason],
)


def but(**changed: Any) -> Hazard:
    """The sound hazard with something wrong."""
    return msgspec.structs.replace(SOUND, **changed)


def test_the_log_has_no_findings() -> None:
    assert findings(LOG) == []


def test_the_page_is_what_the_log_says() -> None:
    assert PAGE.read_text("utf-8") == render(CHAPTERS), "python -m bench.hazards --write"


def test_a_sound_hazard_has_no_findings() -> None:
    assert findings([SOUND]) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (but(controls=[]), "has no control"),
        (but(verification=[]), "names no test"),
        (but(pending="a test of it"), "is pending: a test of it"),
        (but(verification=[f"{HERE}::test_that_nobody_wrote"]), "there is no test"),
        (but(verification=["tests/docs/test_nothing.py::test_runs"]), "there is no test"),
        (but(verification=[HERE]), "there is no test"),
        (but(controls=[Control(kind="gateway", text="x", where=["gateway/nothing.py"])]), "does not exist"),
        (but(controls=[Control(kind="gateway", text="x", where=["bench/hazards.py::no"])]), "does not exist"),
        (but(reasons=[*SOUND.reasons, "boredom"]), "there is no reason code boredom"),
        (but(id="H-02"), "number without gaps"),
    ],
)
def test_what_is_wrong_with_a_hazard_is_found(wrong: Hazard, said: str) -> None:
    found = findings([wrong])
    assert len(found) == 1
    assert said in found[0]


@pytest.mark.parametrize("reason", [reason for reason in Reason if kind_of(reason) in SIGNALS])
def test_a_signal_without_a_hazard_is_found(reason: Reason) -> None:
    rest = [one for one in SOUND.reasons if one != reason.value]
    assert findings([but(reasons=rest)]) == [f"no hazard names the {kind_of(reason).value} {reason.value}"]


def test_an_ending_needs_no_hazard() -> None:
    signals = [reason.value for reason in Reason if kind_of(reason) in SIGNALS]
    assert findings([but(reasons=signals)]) == []


def test_hazards_in_the_wrong_order_are_found() -> None:
    assert findings([but(id="H-02"), SOUND])[0].startswith("H-02 stands where H-01 is expected")


def test_a_test_may_stand_in_a_class_and_a_name_must_be_one_of_a_test() -> None:
    assert node_exists("tests/runtime/test_shell.py::TestDefects::test_a_task_that_just_ends_is_a_defect")
    assert not node_exists("tests/runtime/test_shell.py::test_a_task_that_just_ends_is_a_defect")
    assert not node_exists(f"{HERE}::but")


def test_a_place_is_a_file_a_name_or_a_member() -> None:
    assert place_exists("docs/operation.md")
    assert place_exists("gateway/safety/limits.py::Limits.permit_ms")
    assert not place_exists("gateway/safety/limits.py::permit_ms")
    assert not place_exists("docs/operation.md::Alarms")


def test_what_is_pending_stands_on_the_page() -> None:
    page = render([Chapter("Chapter", [but(pending="a test of it")])])
    assert "**Pending**: a test of it" in page


def test_controls_stand_in_the_order_of_their_kinds() -> None:
    kinds = ("information", "hardware", "inherent")
    controls = [Control(kind=kind, text=f"by {kind}", where=["README.md"]) for kind in kinds]
    page = render([Chapter("Chapter", [but(controls=controls)])])
    assert page.index("by inherent") < page.index("by hardware") < page.index("by information")


def test_a_key_that_nobody_knows_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="likelihood"):
        msgspec.convert({**msgspec.to_builtins(SOUND), "likelihood": "low"}, Hazard)


def test_every_chapter_is_read() -> None:
    assert len(CHAPTERS) == len(list(FOLDER.glob("*.toml"))) == 6
