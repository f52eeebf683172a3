"""The hour of closed loop, in its short form: every packet leads to its update."""

from pathlib import Path

import pytest

from bench.loop_hour import measured
from drivers.p24 import P24Host
from gateway.therapy import prescription


@pytest.fixture(autouse=True)
def prescriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measurement's own prescription is nobody else's."""
    monkeypatch.setattr(prescription, "_FOLDER", prescription._FOLDER)


def test_every_packet_of_a_contraction_leads_to_an_update_in_its_instant(tmp_path: Path) -> None:
    found = measured(8.0, tmp_path)
    assert found["missed"] == 0
    assert int(found["decisions"] or 0) > 1_500
    assert found["sessions"] == 1
    assert found["growth_mb"] is None


def test_an_update_that_does_not_leave_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that says nothing while a request is pending, and never has an answer in time."""
    outgoing, calls = P24Host.outgoing, iter(range(1 << 30))

    def late(host: P24Host, now_ms: int) -> bytes:
        return outgoing(host, now_ms) if next(calls) % 3 else b""

    monkeypatch.setattr(P24Host, "outgoing", late)
    assert int(measured(8.0, tmp_path)["missed"] or 0) > 100
