"""``rvos exam run`` over a real control socket: core, firmware and limb in virtual time behind it."""

import asyncio
import grp
import os
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import rvos
from gateway.record.events import ExaminationResult
from gateway.runtime.control_server import ControlServer
from tests.cli.conftest import CONFIG
from tests.runtime import sockets
from tests.runtime.exam_room import ExamRoom

OURS = grp.getgrgid(os.getgid()).gr_name
WORDS = (
    *("exam", "run", "occlusion-test", "--baseline", "20", "--occlusion", "30", "--recovery", "30"),
    *("--site", "vastus lateralis", "--spacing", "15", "--confirm"),
)


def invoke(folder: Path) -> Result:
    """The command line, in a thread of its own."""
    (folder / "rvos.toml").write_text(CONFIG.format(folder=folder))
    return CliRunner(env={"RVOS_CONFIG": str(folder / "rvos.toml")}).invoke(rvos, WORDS)


def test_an_examination_over_the_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = ExamRoom(tmp_path / "journal.db")
    assert not room.arm().exit_code
    results: list[Result] = []

    async def scenario() -> None:
        server = ControlServer(room.bedside.desk, OURS, lambda: room.bedside.now, lambda: None)
        with tempfile.TemporaryDirectory(prefix="rvos-") as name:
            folder = Path(name)
            await server.start(folder / "control.sock")
            command = asyncio.create_task(asyncio.to_thread(invoke, folder))
            while not command.done():
                room.bedside.turn()
                await asyncio.sleep(0)
            results.append(command.result())
            await server.stop()

    monkeypatch.setattr("gateway.cli.exam_giving.LOOK_S", 0.05)
    monkeypatch.setattr(sockets, "DEADLINE_S", 300.0)
    assert sockets.run(scenario) == []
    (result,) = results
    assert result.exit_code == 0, result.output
    assert "vot-indices-1" in result.output
    assert "result stored" in result.output
    assert len(room.rows(ExaminationResult)) == 1
    room.bedside.close()
