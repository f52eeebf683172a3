"""What a demonstration shows: progress on stderr, the received summary, the picture, the verdict.

Theory of operation
-------------------
Everything for people goes to stderr except the summary; with ``--json`` stdout carries the received
summary and nothing else.  On a terminal the progress is one line that changes; elsewhere it is a line
for each change of phase and every fifth look.
"""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from gateway.record.reader import JournalReader
from gateway.record.summary import Summary
from gateway.ward.messages import decode_summary

_EVERY = 5


class Progress:
    """The live line."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._looks = 0
        self._phase = ""

    def say(self, text: str) -> None:
        """One line for a person."""
        print(text, file=sys.stderr, flush=True)

    def show(self, state: Mapping[str, Any]) -> None:
        """The state of the session, as ``rvos session status`` has it."""
        text = _line(state)
        if self._terminal:
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
            return
        changed = self._phase != f"{state.get('cycle')}{state.get('phase')}"
        self._phase = f"{state.get('cycle')}{state.get('phase')}"
        if changed or self._looks % _EVERY == 0:
            self.say(text)
        self._looks += 1

    def end(self) -> None:
        """Leave the live line."""
        if self._terminal:
            print(file=sys.stderr, flush=True)


def _line(state: Mapping[str, Any]) -> str:
    cycle = f"cycle {state.get('cycle') or '-'}/{state.get('cycles_prescribed') or '-'}"
    phase = f"{state.get('phase') or state['mode']:<11}"
    cuff = f"cuff {_number(state.get('cuff_mmhg'), 5)} of {_number(state.get('target_mmhg'), 5)} mmHg"
    sto2 = f"StO2 {_number(state.get('sto2_percent'), 4)} %"
    left = f"{_number(state.get('phase_left_s'), 5)} s left"
    waiting = f"  waiting: {state['waiting_for']}" if state.get("waiting_for") else ""
    return f"  {cycle}  {phase}  {cuff}  {sto2}  {left}{waiting}"


def _number(value: object, width: int) -> str:
    return f"{value:{width}.1f}" if isinstance(value, float | int) else f"{'-':>{width}}"


def received_text(payload: bytes) -> str:
    """The received document, key by key, for a person."""
    document = msgspec.json.decode(payload, type=dict[str, Any])
    width = max(map(len, document))
    return "\n".join(f"  {key:<{width}}  {_shown(value)}" for key, value in document.items())


def _shown(value: object) -> str:
    """A list of nothing is none; what is not known, or does not apply, is a dash."""
    if isinstance(value, list):
        return ", ".join(_shown(one) for one in value) or "none"
    return "-" if value is None or value == "" else str(value)


def folded_by_a_fresh_process(state_dir: Path, session: str) -> Summary:
    """What a process that knows nothing but the journal makes of it."""
    command = [sys.executable, "-m", "gateway.cli", "summary", session, "--state", str(state_dir), "--json"]
    done = subprocess.run(command, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=Summary)


def is_what_the_journal_says(payload: bytes, state_dir: Path, session: str) -> bool:
    """Whether the summary decoded from the wire equals the fold of the journal."""
    return decode_summary(payload) == folded_by_a_fresh_process(state_dir, session)


def draw(state_dir: Path, summary: Summary) -> Path | None:
    """The picture of the session; ``None`` without matplotlib."""
    try:
        from gateway.record.report import draw_session
    except ImportError:
        return None
    path = state_dir / "session.png"
    with JournalReader.open(state_dir / "journal.db") as reader:
        try:
            draw_session(reader.rows(session=summary.session), summary, path)
        except ImportError:
            return None
    return path


def finish(payload: bytes, state_dir: Path, *, as_json: bool, say: Progress) -> int:
    """Print, draw, compare; the exit code."""
    summary = decode_summary(payload)
    if as_json:
        sys.stdout.write(payload.decode() + "\n")
        sys.stdout.flush()
    else:
        print("The session summary, as the subscriber received it:", flush=True)
        print(received_text(payload), flush=True)
    picture = draw(state_dir, summary)
    say.say(f"picture: {picture}" if picture else "no picture: matplotlib is not installed (extra 'report')")
    say.say(f"journal: {state_dir / 'journal.db'}")
    if not is_what_the_journal_says(payload, state_dir, summary.session):
        say.say("MISMATCH: the received summary is not what the journal says")
        return 1
    say.say("the received summary equals what a fresh process folds from the journal")
    if summary.outcome == "completed" and summary.cycles_delivered == summary.cycles_prescribed:
        return 0
    say.say(
        f"the session ended as {summary.outcome} ({summary.end_reason}), "
        f"{summary.cycles_delivered} of {summary.cycles_prescribed} cycles delivered"
    )
    return 1
