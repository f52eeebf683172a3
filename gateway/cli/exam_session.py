"""The bedside that an examination is given at, and the request that arms a session for examinations.

Theory of operation
-------------------
``Bedside`` is what ``rvos exam run`` talks to: core's control socket, or the simulated one
(``gateway.simulation.examination``).  Both take the same requests and let time pass in their own way.

Units: s; cm in, mm out.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import click

from gateway.cli.start import millimetres, spoken_answers, written_answers
from gateway.runtime.control_client import ANSWER_S, ask
from gateway.runtime.requests import AnyRequest, ExamResult, Reply, SessionStart

_NEEDED = (("limb", "--limb"), ("systolic", "--systolic"), ("diastolic", "--diastolic"))

_READ_S = 40.0
"""Core reads a limb occlusion pressure itself before it answers: longer than it gives itself for that."""


class Bedside(Protocol):
    """Where requests go, and where time passes; ``lasts``: it is still there when the examination is over."""

    lasts: bool

    def ask(self, request: AnyRequest) -> Reply:
        """Core's answer."""

    def wait(self, seconds: float) -> None:
        """Let so much time pass there."""


class RealBedside:
    """The core that runs on this machine."""

    lasts = True

    def __init__(self, socket_path: Path) -> None:
        self._socket_path = socket_path
        self._never = threading.Event()

    def ask(self, request: AnyRequest) -> Reply:
        """One connection. Raises CoreUnavailable."""
        longest_s = _READ_S if isinstance(request, ExamResult) else ANSWER_S
        return ask(self._socket_path, request, longest_s)

    def wait(self, seconds: float) -> None:
        """Nothing happens in this process meanwhile."""
        self._never.wait(seconds)


def arming_request(said: Mapping[str, Any]) -> SessionStart:
    """What the person said, with the screening's answers."""
    from gateway.therapy.screening import questions

    missing = [option for key, option in _NEEDED if said.get(key) is None]
    if missing:
        raise click.UsageError(f"Arming a session for examinations needs {', '.join(missing)}.")
    asked, answers = questions(said["limb"]), said.get("answers")
    return SessionStart(
        prescription="",
        patient=said["patient"],
        limb=said["limb"].value,
        systolic_mmhg=said["systolic"],
        diastolic_mmhg=said["diastolic"],
        confirm=True,
        answers=written_answers(answers) if answers else spoken_answers(asked),
        cuff_width_mm=millimetres(said.get("cuff_width")),
        circumference_mm=millimetres(said.get("circumference")),
        measured_again=bool(said.get("measured_again")),
    )
