"""``rvos demo`` as a person runs it: the real processes, from the first line to the exit code."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from gateway.record.reader import JournalReader
from gateway.record.summary import Summary, fold
from gateway.record.verify import verify
from gateway.simulation import full
from gateway.simulation.show import Progress
from gateway.ward.messages import decode_summary

PORTAMON = Path(__file__).parents[3] / "shared/data/nirs/portamon_vastus_lateralis_repeated_occlusions.csv"

pytestmark = pytest.mark.system


def _demo(state: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gateway.cli", "demo", "--json", "--state", str(state), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def _fold(state: Path) -> Summary:
    with JournalReader.open(state / "journal.db") as reader:
        session = reader.sessions()[-1]
        return fold(reader.rows(session=session), session)


def test_a_session_reaches_the_subscriber_as_the_journal_has_it(tmp_path: Path) -> None:
    done = _demo(tmp_path)
    assert done.returncode == 0, done.stderr
    received = decode_summary(done.stdout.encode())
    assert received == _fold(tmp_path)
    assert (received.outcome, received.cycles_delivered) == ("completed", 2)
    assert received.alarms == []
    assert received.cuff_description == "simulated fast cuff (1 s up, 1 s down)"
    assert received.oximeter_description == "simulated limb, physiology sped up 30 times"
    assert verify(tmp_path / "journal.db").ok
    assert (tmp_path / "session.png").read_bytes().startswith(b"\x89PNG")
    assert "cycle 2/2  reperfusion" in done.stderr


def test_a_real_recording_is_replayed_in_step_with_the_cuff(tmp_path: Path) -> None:
    if not PORTAMON.exists():
        pytest.skip(f"the recording {PORTAMON.name} is not on this machine")
    done = _demo(tmp_path, "--replay", str(PORTAMON))
    assert done.returncode == 0, done.stderr
    received = decode_summary(done.stdout.encode())
    assert received.oximeter_description == f"recording {PORTAMON.name}, replayed"
    baseline = received.sto2_baseline_percent  # its first 40 s: 0.565 to 0.574 as O2Hb/tHb, in whole per cent
    assert baseline is not None
    assert 56.0 < baseline <= 57.0
    assert received.cycles_delivered == 2


def test_the_recording_s_marks_follow_the_cuff(tmp_path: Path) -> None:
    """70 % at rest; 40 %, then 30 % behind the occlusion marks; 80 % behind each relaxation."""
    rows = ["t_s,sto2_percent,event"]
    rows += [f"{second},70," for second in range(60)]
    for depth in (40, 30):
        at = len(rows) - 1
        rows += [f"{at},70,occlusion", *(f"{at + s},{depth}," for s in range(1, 30))]
        at = len(rows) - 1
        rows += [f"{at},{depth},relaxation", *(f"{at + s},80," for s in range(1, 30))]
    recording = tmp_path / "marks.csv"
    recording.write_text("\n".join(rows) + "\n")
    state = tmp_path / "state"
    state.mkdir()
    payload = full.run(state, 1, recording, Progress())
    summary = decode_summary(payload)
    assert summary.sto2_baseline_percent == 70.0
    assert summary.sto2_minimum_percent == 30.0
    with JournalReader.open(state / "journal.db") as reader:
        traces = [msgspec.json.decode(row.body) for row in reader.rows(kind="trace")]
    held = [value for trace in traces if trace["phase"] == "holding" for _, value in trace["sto2"]]
    assert {400, 300} <= set(held)


@pytest.mark.parametrize(
    ("text", "what"),
    [("t_s,sto2_percent\n0,70\n1,abc\n", "bad.csv:3"), ("time,value\n0,1\n", "sto2_percent"), ("", "empty")],
)
def test_a_recording_that_makes_no_sense_is_named_before_anything_starts(
    tmp_path: Path, text: str, what: str
) -> None:
    recording = tmp_path / "bad.csv"
    recording.write_text(text)
    done = _demo(tmp_path / "state", "--replay", str(recording))
    assert done.returncode == 2
    assert what in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state" / "journal.db").exists()


def test_a_folder_with_another_run_s_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(b"")
    done = _demo(tmp_path)
    assert done.returncode == 2
    assert "empty folder" in done.stderr
    assert done.stdout == ""


def test_the_whole_prescription_prints_one_document(tmp_path: Path) -> None:
    done = _demo(tmp_path, "--full", "--seed", "5")
    assert done.returncode == 0, done.stderr
    summary = decode_summary(done.stdout.encode())
    assert summary == _fold(tmp_path)
    assert summary.cycles_delivered == json.loads(done.stdout)["cycles_delivered"] == 4
    assert summary.alarms == []
    assert all(300.0 <= s <= 300.1 for s in summary.occlusion_s if s is not None)
    assert all(s is not None and s >= 300.0 for s in summary.reperfusion_s)
