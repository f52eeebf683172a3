"""The file of `rvos config init`: complete, explained, and valid once its marked lines are filled."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from gateway.config import Config, ConfigError, example, parse
from gateway.config.example import FILL_IN, NO_DEFAULT
from gateway.config.fields import Table, explanation_of, table_of

FILLED = re.sub(rf'""  {FILL_IN}', '"filled-in"', example())


def keys(struct: type[Table], path: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    for field in msgspec.structs.fields(struct):
        table = table_of(field.type)
        if table is None:
            yield path + field.name, field
        else:
            yield from keys(table, f"{path}{field.name}.")


def test_it_names_exactly_the_marked_lines_until_they_are_filled() -> None:
    marked = [number for number, line in enumerate(example().split("\n"), 1) if line.endswith(FILL_IN)]
    with pytest.raises(ConfigError) as caught:
        parse(example())
    assert marked
    assert [finding.line for finding in caught.value.findings] == marked


def test_what_most_sites_leave_out_is_shown_and_not_set() -> None:
    assert parse(FILLED).stimulator is None
    assert f'# current_ma = ""  {NO_DEFAULT}' in example()


def test_filled_it_loads_with_every_default() -> None:
    config = parse(FILLED)
    assert config.cuff.port == "/dev/rvos-cuff"
    assert config.site.device == "filled-in"
    defaults = msgspec.convert({"host": "filled-in"}, type(config.mqtt))
    assert config.mqtt == defaults


def test_uncommented_it_loads_and_shows_each_key_at_its_default() -> None:
    """Every commented key is valid TOML, and shows the default wherever there is one."""
    text = re.sub(r"^# (?=\w+ = |\[)", "", FILLED, flags=re.MULTILINE)
    text = re.sub(rf'((?:description|research_use) = )""  {NO_DEFAULT}', r'\1"filled-in"', text)
    text = text.replace(f'limb = ""  {NO_DEFAULT}', 'limb = "left_upper_arm"')
    config = parse(re.sub(rf'""  {NO_DEFAULT}', "1", text))
    for path, field in keys(Config):
        value = config
        for name in path.split("."):
            value = getattr(value, name)
        assert value is not None, path
        if not field.required and field.default is not None:
            assert value == field.default, path


def test_every_key_is_there_once_and_explained() -> None:
    text = example()
    for path, field in keys(Config):
        assert explanation_of(field.type).endswith("."), path
        name = path.rpartition(".")[2]
        count = sum(path.rpartition(".")[2] == name for path, _ in keys(Config))
        assert len(re.findall(rf"^(?:# )?{name} = ", text, flags=re.MULTILINE)) == count, path


def test_no_line_is_too_long_to_read() -> None:
    assert max(map(len, example().split("\n"))) <= 100
