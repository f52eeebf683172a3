"""What the pages name exists: files, links, modules, commands, options; and numbers are those of the code."""

import importlib
import pkgutil
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gateway.cli.main import rvos
from gateway.safety.limits import HARD
from tests.docs.pages import PAGES, ROOT, fenced, inline, links, name_of, read

FIRST_FOLDERS = (
    *("gateway", "firmware_bridge", "drivers", "dsp", "docs"),
    *("scripts", "systemd", "tests", ".ci"),
)
PATH = re.compile(r"[\w.*-]+(/[\w.*-]+)*/?")
FIGURE = re.compile(r"(\w+)\.(\w+) = (-?\d+)")
FIGURES_OF = {
    "admission": "gateway.runtime.admission",
    "alarms": "gateway.safety.alarms",
    "limits": "firmware_bridge.mcu.limits",
    "controller": "firmware_bridge.mcu.controller",
    "serial_port": "drivers.serial_port",
    "core": "gateway.runtime.core",
    "recorder": "gateway.runtime.recorder",
    "desk": "gateway.runtime.desk",
    "arming": "gateway.runtime.arming",
    "reserve": "gateway.record.reserve",
    "cuff_link": "gateway.runtime.cuff_link",
    "gate": "gateway.runtime.gate",
    "harm": "gateway.simulation.harm",
    "harm_current": "gateway.simulation.harm_current",
    "service": "gateway.runtime.service",
    "stimulator": "gateway.runtime.stimulator",
    "plant": "gateway.simulation.plant",
    "plant_process": "gateway.simulation.plant_process",
    "health": "gateway.ward.health",
    "link": "gateway.ward.link",
    "mqtt": "gateway.ward.mqtt",
    "outbox": "gateway.ward.outbox",
    "reconnect": "gateway.ward.reconnect",
    "window": "gateway.ward.window",
}


def named_paths(text: str) -> set[str]:
    """Tokens of a page's code that look like a path inside the project."""
    words = [word for code in [*inline(text), *fenced(text, "sh", "console")] for word in code.split()]
    return {word for word in words if PATH.fullmatch(word) and word.split("/")[0] in FIRST_FOLDERS}


def is_module(word: str) -> bool:
    return re.fullmatch(r"(gateway|firmware_bridge|drivers|dsp)(\.\w+)+", word) is not None


def commands(text: str) -> Iterator[str]:
    """Every call of ``rvos`` or of a script: in sentences, and in the lines that a person types."""
    typed = [line.removeprefix("$ ") for line in fenced(text, "console") if line.startswith("$ ")]
    for code in [*inline(text), *typed, *fenced(text, "sh")]:
        line = code.split("#")[0].strip()
        if line.startswith(("rvos ", "scripts/demo ")):
            yield line


def complaint(line: str) -> str:
    """Why this call could not be typed; empty when it could."""
    words = iter(shlex.split(line.replace("scripts/demo", "rvos demo"))[1:])
    command: click.Command = rvos
    options = _options(command)
    for word in words:
        if word.startswith("-"):
            if word not in options:
                return f"no option {word}"
            if options[word]:
                next(words, "")
        elif isinstance(command, click.Group):
            if word not in command.commands:
                return f"no verb {word}"
            command = command.commands[word]
            options |= _options(command)
    return ""


def _options(command: click.Command) -> dict[str, bool]:
    """Every option of a verb: whether a value follows it."""
    found = {"--help": False}
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            found |= dict.fromkeys(parameter.opts, not parameter.is_flag)
    return found


def leaves(group: click.Group, name: str = "rvos") -> Iterator[str]:
    """Every verb that does something, as it is typed."""
    for verb, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{name} {verb}")
        else:
            yield f"{name} {verb}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    absent = [path for path in named_paths(text) if not (ROOT / path).exists()]
    lost = [link for link in links(text) if "://" not in link and not (page.parent / link).exists()]
    assert not absent + lost


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_modules_and_names_resolve(page: Path) -> None:
    for word in filter(is_module, inline(page.read_text())):
        pkgutil.resolve_name(word)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_can_be_typed(page: Path) -> None:
    wrong = {line: why for line in commands(page.read_text()) if (why := complaint(line))}
    assert not wrong


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rvos sesion stop", "no verb sesion"),
        ("rvos session start --limb left-thigh --force", "no option --force"),
        ("scripts/demo --speed 2", "no option --speed"),
        ("rvos session stop", ""),
        ("rvos --config FILE core", ""),
        ("rvos journal tail -n 50 --all", ""),
    ],
)
def test_a_command_that_cannot_be_typed_is_found(line: str, why: str) -> None:
    assert complaint(line) == why


def test_the_readme_names_every_verb() -> None:
    named = set(commands(read("README.md")))
    assert not {verb for verb in leaves(rvos) if not any(f"{line} ".startswith(f"{verb} ") for line in named)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_figures_are_those_of_the_code(page: Path) -> None:
    wrong = [code for code in inline(page.read_text()) if not _figure_holds(code)]
    assert not wrong


def _figure_holds(code: str) -> bool:
    found = FIGURE.fullmatch(code)
    if found is None:
        return True
    where, name, value = found.groups()
    owner = HARD if where == "Limits" else importlib.import_module(FIGURES_OF[where])
    return bool(getattr(owner, name) == int(value))


def test_a_wrong_figure_is_found() -> None:
    assert _figure_holds("Limits.permit_ms = 800")
    assert not _figure_holds("Limits.permit_ms = 801")
    assert not _figure_holds("limits.DEBT_VENT_MS = 315000")


def test_figures_are_cited_at_all() -> None:
    cited = [code for code in inline(read("docs/architecture.md")) if FIGURE.fullmatch(code)]
    assert len(cited) > 20


def test_the_readme_says_what_this_is_before_anything_else() -> None:
    head = read("README.md").split("![")[0]
    for words in ("Research software", "Not cleared", "not CE-marked", "benefit unproven", "sponsor"):
        assert words in head


def test_the_picture_is_a_picture() -> None:
    assert (ROOT / "docs/pictures/session.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) < 200
