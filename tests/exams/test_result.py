"""The shared result: no silent numbers, JSON there and back, nothing compared that means different things."""

import math
from typing import Any

import msgspec
import pytest

from gateway.exams.errors import ExamRefused, NotComparable
from gateway.exams.result import (
    Curve,
    Flag,
    Probe,
    Result,
    Severity,
    Source,
    Value,
    change,
    decode,
    encode,
)
from gateway.model import Limb

SLOPE = Value(name="reperfusion_slope", unit="%/s", definition="mclay", value=2.0, low=1.8, high=2.2)
PROBE = Probe(device="PortaMon", site="vastus lateralis", spacing_mm=35.0)


def result(**other: Any) -> Result:
    known: dict[str, Any] = {
        "exam": "occlusion-test",
        "definition": "mclay",
        "probe": PROBE,
        "limb": Limb.LEFT_THIGH,
        "recording": Source.of_bytes("a.csv", b"1,2", 10.0, 600.0),
        "values": (SLOPE,),
    }
    return Result(**{**known, **other})


def test_json_there_and_back() -> None:
    one = result(flags=(Flag(id="gap", severity=Severity.NOTE, text="one gap"),))
    assert decode(encode(one)) == one
    document = msgspec.json.decode(encode(one))
    assert document["schema"] == "rvos.exam/1"
    assert document["software"].startswith("rvos ")
    assert document["limb"] == "left_thigh"
    assert len(document["recording"]["sha256"]) == 64


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff", b"[" * 100_000, b'{"exam": 1}'])
def test_what_is_no_result_is_refused(data: bytes) -> None:
    with pytest.raises(ExamRefused, match="not an examination's result"):
        decode(data)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("field", ["value", "low", "high", "r_squared"])
def test_a_number_that_is_none_cannot_be_a_value(field: str, number: float) -> None:
    with pytest.raises(ExamRefused, match="is no number"):
        Value(**{"name": "a", "unit": "s", "definition": "d", "value": 1.0, field: number})


def test_a_missing_value_says_why() -> None:
    missing = msgspec.structs.replace(SLOPE, value=None, low=None, high=None)
    with pytest.raises(ExamRefused, match="no flag says why"):
        result(values=(missing,))
    why = Flag(id="x", severity=Severity.MISSING, text="cut off", about=SLOPE.name)
    assert result(values=(missing,), flags=(why,)).flags_about(SLOPE.name) == (why,)
    other = msgspec.structs.replace(why, about="baseline")
    with pytest.raises(ExamRefused, match="no flag says why"):
        result(values=(missing,), flags=(other,))


def test_names_are_unique_with_part_and_definition() -> None:
    with pytest.raises(ExamRefused, match="two values"):
        result(values=(SLOPE, SLOPE))
    other = msgspec.structs.replace(SLOPE, definition="creteur2007")
    both = result(values=(SLOPE, other))
    assert both.value(SLOPE.name, definition="creteur2007") is other
    with pytest.raises(ExamRefused, match="2 values"):
        both.value(SLOPE.name)


def test_change_of_what_means_the_same() -> None:
    after = result(values=(msgspec.structs.replace(SLOPE, value=2.5),))
    assert change(result(), after, SLOPE.name) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"probe": Probe(device="Moxy", site="vastus lateralis", spacing_mm=35.0)}, "device"),
        ({"probe": Probe(device="PortaMon", site="vastus lateralis", spacing_mm=25.0)}, "probe spacing"),
        ({"probe": Probe(device="PortaMon", site="calf", spacing_mm=35.0)}, "site"),
        ({"limb": Limb.RIGHT_THIGH}, "limb"),
        ({"exam": "pulse"}, "examination"),
        ({"values": (msgspec.structs.replace(SLOPE, definition="lima"),)}, "definition"),
        ({"values": (msgspec.structs.replace(SLOPE, unit="%/min"),)}, "unit"),
    ],
)
def test_slopes_of_different_meaning_are_never_compared(other: dict[str, Any], what: str) -> None:
    with pytest.raises(NotComparable, match=what):
        change(result(), result(**other), SLOPE.name)


@pytest.mark.parametrize(
    "other",
    [{"probe": Probe(device="PortaMon", site="vastus lateralis")}, {"limb": None}],
    ids=["spacing", "limb"],
)
def test_what_nobody_stated_cannot_be_compared(other: dict[str, Any]) -> None:
    with pytest.raises(NotComparable, match="not stated"):
        change(result(**other), result(**other), SLOPE.name)


def test_nothing_is_compared_with_a_missing_value() -> None:
    missing = msgspec.structs.replace(SLOPE, value=None)
    why = Flag(id="x", severity=Severity.MISSING, text="cut off")
    with pytest.raises(NotComparable, match="missing"):
        change(result(), result(values=(missing,), flags=(why,)), SLOPE.name)


def test_curves_can_be_drawn() -> None:
    line = Curve(about="a", model="line", start_s=10.0, end_s=20.0, coefficients=(5.0, 2.0))
    assert line.at(12.0) == 9.0
    back = Curve(about="k", model="recovery", start_s=10.0, end_s=99.0, coefficients=(0.2, -0.8, 0.05))
    assert back.at(10.0) == pytest.approx(1.0)
    assert back.at(30.0) == pytest.approx(0.2 + 0.8 * math.exp(-1.0))


def test_why_a_number_is_missing_is_of_its_own_definition() -> None:
    from gateway.exams.sheet import why

    both = [
        Value(name="slope", unit="%/s", definition=name, value=None) for name in ("first2000", "second2001")
    ]
    flags = [
        Flag(id="unknown", severity=Severity.MISSING, text="first2000: nobody knows how", about="slope"),
        Flag(
            id="line",
            severity=Severity.MISSING,
            text="no straight part",
            about="slope",
            definition="second2001",
        ),
    ]
    made = Result(
        exam="made",
        definition="first2000",
        probe=Probe(device="", site=""),
        recording=Source(name="made"),
        values=tuple(both),
        flags=tuple(flags),
    )
    assert [why(made, one) for one in both] == ["first2000: nobody knows how", "no straight part"]
