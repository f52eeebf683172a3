"""TOML to typed values, every error with its place and its rule.

Theory of operation
-------------------
Two passes.  The first parses with ``spanned_toml``, which keeps the place of every key and value, and
walks the tables beside the structs of ``values``: each key must be known, each value must convert to its
key's type (msgspec), each required key must be there.  It goes on after an error, so that one run names
them all.  The second converts the whole and asks what only several values together can violate.

The line of an unknown key is cut after the key, so that a mistyped ``password = ...`` never reaches a log.

Source: TOML 1.0.
"""

import difflib
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import spanned_toml

from gateway.config.devices import INVOS_COLUMN, OximeterConfig, StimulatorConfig
from gateway.config.fields import Table, rule_of, table_of
from gateway.config.findings import ConfigError, Finding
from gateway.config.values import AnnunciatorConfig, Config

_WITH_A_PORT = ("cuff", "oximeter", "stimulator", "hub", "emg", "pulse", "blood_pressure", "algometer")


def load(path: Path | str) -> Config:
    """The configuration in the file ``path``. Raises ConfigError with every finding."""
    return parse(_read(Path(path)), str(path))


def parse(text: str, file: str = "rvos.toml") -> Config:
    """The configuration in ``text``; ``file`` is the name that findings carry. Raises ConfigError."""
    return _Reader(text, file).config()


def config_hash(config: Config) -> str:
    """SHA-256 (64 hexadecimal digits) of the values, defaults included: the layout does not count."""
    return hashlib.sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        text = f"is not UTF-8 text: byte 0x{error.object[error.start]:02x} in line {line}"
        raise ConfigError([Finding(str(path), 0, 0, text)]) from error
    except OSError as error:
        hint = "'rvos config init' writes an example"
        raise ConfigError([Finding(str(path), 0, 0, f"cannot be read ({error.strerror}); {hint}")]) from error


class _Reader:
    """One pass over one text."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text.replace("\r\n", "\n")  # as the parser does, so that its places hold
        self._lines = self._text.split("\n")
        self._file = file
        self._findings: list[Finding] = []

    def config(self) -> Config:
        document = self._document()
        self._table(Config, document, "", 0)
        self._stop_at_findings()
        config = msgspec.convert(document.unspan(), Config)
        for key, text in _contradictions(config):
            self._add(self._place(document, key), text)
        self._stop_at_findings()
        return config

    def _stop_at_findings(self) -> None:
        if self._findings:
            raise ConfigError(self._findings)

    def _add(self, position: int, text: str, *, hide_from: int | None = None) -> None:
        """A finding at an offset of the text; ``hide_from`` cuts the line that is shown."""
        start = self._text.rfind("\n", 0, position) + 1
        line = self._text.count("\n", 0, position) + 1
        source = self._lines[line - 1]
        if hide_from is not None:
            source = source[: hide_from - start] + " ..."
        self._findings.append(Finding(self._file, line, position - start + 1, text, source))

    # parsing

    def _document(self) -> Any:
        try:
            return spanned_toml.loads(self._text)
        except RecursionError:
            self._findings.append(Finding(self._file, 0, 0, "is nested too deeply"))
        except ValueError as error:
            self._findings.append(self._syntax_finding(str(error)))
        raise ConfigError(self._findings)

    def _syntax_finding(self, message: str) -> Finding:
        """The parser's sentence in our form: it ends in "(at line 3, column 5)" or "(at end of document)"."""
        place = re.search(r" \(at line (\d+), column (\d+)\)$", message)
        line = int(place[1]) if place else max(1, len(self._text.rstrip("\n").split("\n")))
        source = self._lines[line - 1]
        column = int(place[2]) if place else len(source) + 1
        text = re.sub(r" \(at .*\)$", "", message)
        if text == "Cannot overwrite a value":
            return Finding(self._file, line, 1, "this key already has a value above", source)
        if text.startswith("Cannot declare"):
            return Finding(self._file, line, 1, "this table already stands above", source)
        return Finding(self._file, line, column, f"not valid TOML: {text}", source)

    # checking

    def _table(self, struct: type[Table], table: Any, path: str, place: int) -> None:
        """Check one table against its struct; ``place`` is where its heading stands."""
        fields = {field.name: field for field in msgspec.structs.fields(struct)}
        places = {key.inner(): key.span() for key in table.inner()}
        for name, span in places.items():
            if name not in fields:
                self._unknown(path, name, span, list(fields))
        for name, field in fields.items():
            if name in places:
                self._value(field.type, table[name], path + name, places[name])
            elif field.required and path:
                self._add(place, f"{path}{name} is missing: it must be {rule_of(field.type)}")
            elif field.required:
                self._findings.append(Finding(self._file, 0, 0, f"the table [{name}] is missing"))

    def _unknown(self, path: str, name: str, span: slice, known: list[str]) -> None:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"
        self._add(span.start, f"{path}{name} is unknown; {hint}", hide_from=span.stop)

    def _value(self, declared: Any, value: Any, path: str, key: slice) -> None:
        struct = table_of(declared)
        if struct is None:
            self._scalar(declared, value, path, key)
        elif isinstance(value.inner(), dict):
            self._table(struct, value, f"{path}.", key.start)
        else:
            self._add(key.start, f"{path} must be one table: [{path}]")

    def _scalar(self, declared: Any, value: Any, path: str, key: slice) -> None:
        try:
            msgspec.convert(value.unspan(), declared)
        except msgspec.ValidationError:
            place = self._value_place(key)
            shown = self._text[place : value.span().stop] or "a table"
            self._add(place, f"{path} = {_short(shown)}: must be {rule_of(declared)}")

    def _value_place(self, key: slice) -> int:
        """Where the value of a key begins; the key itself where no value follows it (a heading).

        Not the value's own span: the parser's is short for a string with escapes.
        """
        equals = re.compile(r"""["']?[ \t]*=[ \t]*""").match(self._text, key.stop)
        return equals.end() if equals else key.start

    def _place(self, document: Any, path: str) -> int:
        """Where the value of the dotted key ``path`` stands."""
        table_name, _, name = path.rpartition(".")
        table = document
        for part in table_name.split("."):
            table = table[part]
        return next(self._value_place(key.span()) for key in table.inner() if key.inner() == name)


def _column_contradictions(oximeter: OximeterConfig) -> Iterator[tuple[str, str]]:
    """An INVOS monitor's columns, by the words of its driver: core would not start with others."""
    if oximeter.columns is None:
        yield "oximeter.driver", 'oximeter.driver = "invos" needs oximeter.columns: what each column is'
        return
    columns = oximeter.columns
    for column in columns:
        if re.fullmatch(INVOS_COLUMN, column) is None:
            yield (
                "oximeter.columns",
                f"oximeter.columns: '{column}' is no column; docs/devices/invos.md has them",
            )
    if any(columns.count(column) > 1 for column in columns if column != "any"):
        yield "oximeter.columns", "oximeter.columns: a column stands there twice"
    if not any(column.startswith("rso2-") for column in columns):
        yield "oximeter.columns", 'oximeter.columns: no column holds a saturation ("rso2-1" to "rso2-4")'


def _contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """What single values cannot show: the key at fault, and the sentence."""
    yield from _port_contradictions(config)
    if config.oximeter is not None and config.oximeter.driver == "invos":
        yield from _column_contradictions(config.oximeter)
    if config.mqtt.password_file is not None and config.mqtt.username is None:
        yield "mqtt.password_file", "mqtt.password_file needs mqtt.username: MQTT 3.1.1 has no password alone"
    if config.link.state_dir == config.core.state_dir:
        yield "link.state_dir", "link.state_dir: must not be core.state_dir, which the link may only read"
    yield from _annunciator_contradictions(config.annunciator)
    if config.stimulator is not None:
        yield from _stimulator_contradictions(config.stimulator)
    if config.hub is not None and config.hub.artifact_uv is not None and config.hub.evoked_channel is None:
        yield (
            "hub.artifact_uv",
            "hub.artifact_uv needs hub.evoked_channel: in which channel the pulses are seen",
        )
    tls = config.mqtt.tls
    if tls is not None and (tls.cert is None) != (tls.key is None):
        given = "cert" if tls.key is None else "key"
        yield f"mqtt.tls.{given}", "mqtt.tls.cert and mqtt.tls.key must both stand here, or neither"


def _port_contradictions(config: Config) -> Iterator[tuple[str, str]]:
    """One port cannot be two devices."""
    taken: dict[str, str] = {}
    for name in _WITH_A_PORT:
        port = getattr(getattr(config, name), "port", None)
        if port in taken:
            yield f"{name}.port", f"{name}.port = {port!r}: is the port of the {taken[port]} already"
        elif port is not None:
            taken[port] = name


def _annunciator_contradictions(config: AnnunciatorConfig) -> Iterator[tuple[str, str]]:
    """Half an annunciator would be one that nobody misses until it is needed."""
    if config.output != "gpio":
        return
    given = {name: getattr(config, name) for name in ("red_line", "yellow_line", "buzzer_line")}
    missing = [name for name, line in given.items() if line is None]
    if missing:
        named = ", ".join(f"annunciator.{name}" for name in missing)
        yield "annunciator.output", f'annunciator.output = "gpio" needs {named} as well'
    elif len(set(given.values())) < len(given):
        yield "annunciator.buzzer_line", "annunciator: red_line, yellow_line and buzzer_line must differ"


def _stimulator_contradictions(config: StimulatorConfig) -> Iterator[tuple[str, str]]:
    """A site can only tighten what its device can do, and signs for one that is no medical device."""
    if (config.driver is None) != (config.port is None):
        given = "driver" if config.port is None else "port"
        yield f"stimulator.{given}", "stimulator.driver and stimulator.port must both stand here, or neither"
    for name in ("current_ma", "pulse_width_us", "frequency_hz"):
        asked, most = getattr(config, name), getattr(config, f"device_{name}")
        if asked > most:
            yield (
                f"stimulator.{name}",
                f"stimulator.{name} = {asked}: is above stimulator.device_{name} = {most}",
            )


def _short(shown: str) -> str:
    """The value as it was written, at most 60 characters of its first line."""
    first = shown.split("\n")[0]
    return shown if len(shown) <= 60 and first == shown else first[:57] + "..."
