"""The picture is drawn for every kind of session, says what it must, and is the same each time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.record import events
from gateway.record.errors import SessionUnknown
from gateway.record.journal import Journal
from gateway.record.report import DISCLAIMER, draw_session
from gateway.record.row import StoredRow
from gateway.record.summary import Summary, fold
from tests.record.script import SESSION, Script

matplotlib = pytest.importorskip("matplotlib")

PNG = b"\x89PNG\r\n\x1a\n"


def ramp(begin_s: int, end_s: int) -> list[tuple[float, float | None]]:
    return [(begin_s + step / 20, min(170.0, step * 8.5)) for step in range(20 * (end_s - begin_s))]


def completed(script: Script) -> None:
    script.start()
    script.trace(6.0, [(second / 10, 0.0) for second in range(60)], [(float(at), 70.0) for at in range(6)])
    script.cycle(1, 6.0, 7.0, 12.0, 13.0)
    script.trace(12.0, ramp(6, 12), [(float(at), 70.0 - 3 * (at - 6)) for at in range(6, 12)])
    script.trace(20.0, [(at / 10, 0.0) for at in range(130, 200)], [(15.0, 71.0)])
    script.end(20.0)


def tripped(script: Script) -> None:
    script.start(cuff_description="a cuff of $5 and \\alpha, " + 20 * "long ")
    script.cycle(1, 6.0, 7.0, 9.0, 10.0, reason="sensors_disagree")
    script.trace(9.0, [*ramp(6, 8), (8.5, None)])
    for at_s in (8.9, 9.0):
        alarm = events.AlarmRaised(alarm_id="1", condition="pressure_deviation", priority="medium", text="")
        script.event(at_s, alarm)
    script.event(9.0, events.Tripped(reason="sensors_disagree", detail=""))
    script.end(10.0, "stopped", "sensors_disagree")


def interrupted(script: Script) -> None:
    script.start()
    script.cycle(1, 6.0, 7.0, None)
    script.trace(9.0, ramp(6, 9))
    script.boot = 2
    script.end(1.0, "interrupted", "core_restarted")


def barely_begun(script: Script) -> None:
    script.start()


def long_running(script: Script) -> None:
    script.start()
    script.cycle(1, 60.0, 72.0, 360.0, 365.0)
    script.trace(
        700.0, [(float(at), 170.0) for at in range(72, 360)], [(float(at), 60.0) for at in range(700)]
    )


@pytest.mark.parametrize("tell", [completed, tripped, interrupted, barely_begun, long_running])
def test_every_kind_of_session_is_drawn_the_same_each_time(
    tell: Callable[[Script], None], script: Script, journal: Journal, tmp_path: Path
) -> None:
    tell(script)
    rows = journal.append(script.rows)
    summary = fold(rows, SESSION)
    for name in ("one.png", "two.png"):
        draw_session(rows, summary, tmp_path / name)
    picture = (tmp_path / "one.png").read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) > 20_000
    assert (tmp_path / "two.png").read_bytes() == picture


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that was laid out on the page while the test ran."""
    from matplotlib.text import Text

    laid_out: list[str] = []
    draw = Text.draw

    def noting(self: Text, *arguments: object, **options: object) -> None:
        laid_out.append(self.get_text())
        draw(self, *arguments, **options)

    monkeypatch.setattr(Text, "draw", noting)
    return laid_out


def drawn(script: Script, journal: Journal, tmp_path: Path) -> tuple[list[StoredRow], Summary]:
    rows = journal.append(script.rows)
    summary = fold(rows, SESSION)
    draw_session(rows, summary, tmp_path / "session.png")
    return rows, summary


def test_it_names_prescription_side_devices_and_what_it_is_not(
    script: Script, journal: Journal, tmp_path: Path, texts: list[str]
) -> None:
    completed(script)
    drawn(script, journal, tmp_path)
    page = "\n".join(texts)
    for words in (
        "Prescription demo, left thigh: completed",
        "simulated fast cuff (1 s up, 1 s down)",
        "simulated limb, physiology sped up",
        "1 of 2 cycles delivered",
        "Time since session start (s)",
        DISCLAIMER,
    ):
        assert words in page
    assert DISCLAIMER == "Research software, not a medical device"


def test_it_marks_trips_and_alarms_with_their_priority(
    script: Script, journal: Journal, tmp_path: Path, texts: list[str]
) -> None:
    tripped(script)
    drawn(script, journal, tmp_path)
    assert texts.count("pressure deviation (medium)") == 2
    assert "trip: sensors disagree" in texts
    assert any("stopped (sensors disagree)" in text for text in texts)
    assert any("a cuff of $5 and \\alpha" in text for text in texts)


def test_what_was_not_measured_is_not_drawn(
    script: Script, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.lines import Line2D

    curves: list[list[float]] = []
    draw = Line2D.draw

    def noting(self: Line2D, *arguments: object, **options: object) -> None:
        if self.get_label() == "cuff pressure" and len(self.get_xdata()) > 2:
            curves.append([float(value) for value in self.get_ydata()])
        draw(self, *arguments, **options)

    monkeypatch.setattr(Line2D, "draw", noting)
    script.start()
    script.trace(9.0, [(1.0, 10.0), (2.0, 20.0), (3.5, 30.0), (4.0, None), (4.5, 40.0)])
    drawn(script, journal, tmp_path)
    assert [str(value) for value in curves[0]] == ["10.0", "20.0", "nan", "30.0", "nan", "40.0"]


def test_another_sample_makes_another_picture(script: Script, journal: Journal, tmp_path: Path) -> None:
    completed(script)
    rows, summary = drawn(script, journal, tmp_path)
    without_last_trace = [row for row in rows if row is not rows[-2]]
    draw_session(without_last_trace, summary, tmp_path / "other.png")
    assert (tmp_path / "other.png").read_bytes() != (tmp_path / "session.png").read_bytes()


def test_an_unknown_session_is_refused(journal: Journal, script: Script, tmp_path: Path) -> None:
    completed(script)
    rows, summary = drawn(script, journal, tmp_path)
    with pytest.raises(SessionUnknown):
        draw_session(rows[1:], summary, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
