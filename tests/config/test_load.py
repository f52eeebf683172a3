"""Valid files give typed values; each invalid one names place, key, value and rule."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers import invos
from gateway.config import Config, ConfigError, Finding, config_hash, load, parse
from gateway.config.devices import HARD_CEILING_MMHG, INVOS_COLUMN
from gateway.config.example import example
from gateway.model import Limb

VALID = """\
[site]
site = "north"
ward = "icu-2"
device = "gw-07"

[cuff]
port = "/dev/rvos-cuff"
description = "thigh cuff, 13 cm"
ceiling_mmhg = 220

[oximeter]
port = "/dev/serial/by-id/usb-oximeter"
channel = 2
description = "probe on vastus lateralis"

[mqtt]
host = "broker.ward"
"""


def findings(text: str) -> list[str]:
    """The first line of every finding of a file that must not load."""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [str(finding).split("\n")[0] for finding in caught.value.findings]


def changed(old: str, new: str) -> str:
    assert VALID.count(old) == 1
    return VALID.replace(old, new)


def test_a_valid_file_gives_typed_values_and_defaults(tmp_path: Path) -> None:
    path = tmp_path / "rvos.toml"
    path.write_text(VALID)
    config = load(path)
    assert (config.site.site, config.site.ward, config.site.device) == ("north", "icu-2", "gw-07")
    assert (config.cuff.ceiling_mmhg, config.cuff.serial) == (220, "")
    assert config.oximeter is not None
    assert config.oximeter.channel == 2
    assert (config.mqtt.port, config.mqtt.protocol, config.mqtt.keepalive_s) == (1883, "auto", 30)
    assert config.core.state_dir == "/var/lib/rvos"
    assert config.mqtt.tls is None


def test_the_default_ceiling_is_250_and_the_hard_limit_300_mmhg() -> None:
    assert parse(changed("ceiling_mmhg = 220\n", "")).cuff.ceiling_mmhg == 250
    assert parse(changed("220", "300")).cuff.ceiling_mmhg == HARD_CEILING_MMHG == 300


def test_values_are_frozen() -> None:
    config = parse(VALID)
    with pytest.raises(AttributeError):
        config.cuff.ceiling_mmhg = 300  # type: ignore[misc]


def test_the_oximeter_may_be_absent() -> None:
    start, end = VALID.index("[oximeter]"), VALID.index("[mqtt]")
    assert parse(VALID[:start] + VALID[end:]).oximeter is None


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_error_shows_place_value_rule_and_caret(tmp_path: Path, line_end: str) -> None:
    path = tmp_path / "rvos.toml"
    path.write_bytes(changed("220", "500").replace("\n", line_end).encode())
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value).split("\n") == [
        f"{path}:9:16: cuff.ceiling_mmhg = 500: must be a whole number from 1 to 300 mmHg "
        "(300 is the hard limit of gateway and controller; a site can only tighten it)",
        "    ceiling_mmhg = 500",
        "                   ^",
    ]


@pytest.mark.parametrize(
    ("old", "new", "start"),
    [
        ("220", '"220"', '9:16: cuff.ceiling_mmhg = "220": must be a whole number'),
        ("220", "220.5", "9:16: cuff.ceiling_mmhg = 220.5: must be"),
        ("220", "true", "9:16: cuff.ceiling_mmhg = true: must be"),
        ("220", "0", "9:16: cuff.ceiling_mmhg = 0: must be"),
        ("220", "301", "9:16: cuff.ceiling_mmhg = 301: must be"),
        ("220", "1979-05-27", "9:16: cuff.ceiling_mmhg = 1979-05-27: must be"),
        ("220", "[220]", "9:16: cuff.ceiling_mmhg = [220]: must be"),
        ("ceiling_mmhg = 220", "ceiling_mmhg.low = 1", "9:1: cuff.ceiling_mmhg = a table: must be"),
        ('"gw-07"', '"GW-07"', "4:10: site.device = \"GW-07\": must be 1 to 32 small letters"),
        ('"gw-07"', '"gw-07\\n"', r'4:10: site.device = "gw-07\n": must be'),
        ('device = "gw-07"', '"device" = "GW"', '4:12: site.device = "GW"'),
        ('"gw-07"', f'"{"x" * 33}"', "4:10: site.device"),
        ('"icu-2"', '"icu/2"', '3:8: site.ward = "icu/2"'),
        ('"icu-2"', '"#"', "3:8: site.ward"),
        ("channel = 2", "channel = 5", "13:11: oximeter.channel = 5: must be a channel number from 1 to 4"),
        ("channel = 2\n", "", "11:2: oximeter.channel is missing: it must be a channel number from 1 to 4"),
        ("/dev/rvos-cuff", "/dev/ttyUSB0", '7:8: cuff.port = "/dev/ttyUSB0": must be an absolute path that'),
        ("/dev/rvos-cuff", "/dev/ttyACM12", "7:8: cuff.port"),
        ("/dev/rvos-cuff", "ttyUSB0", "7:8: cuff.port"),
        ('"thigh cuff, 13 cm"', '""', "8:15: cuff.description"),
        ('"broker.ward"', '""', "17:8: mqtt.host"),
        ('"broker.ward"', '"b"\nprotocol = "4"', '18:12: mqtt.protocol = "4": must be "5", "3.1.1"'),
        ('"broker.ward"', '"b"\nport = 65536', "18:8: mqtt.port = 65536"),
        ("[mqtt]", "[[mqtt]]", "16:3: mqtt must be one table: [mqtt]"),
        ("[site]", "core = 3\n[site]", "1:1: core must be one table: [core]"),
        ("[site]", '[core]\noperators_group = "Big Group"\n[site]', "2:19: core.operators_group"),
        ("[site]", f'[core]\nruntime_dir = "/{"x" * 80}"\n[site]', "2:15: core.runtime_dir"),
    ],
)  # fmt: skip
def test_each_wrong_value_is_located(old: str, new: str, start: str) -> None:
    (finding,) = findings(changed(old, new))
    assert finding.startswith(f"rvos.toml:{start}")


@pytest.mark.parametrize("port", ["/dev/pts/4", "/tmp/demo/cuff", "/dev/serial/by-id/usb-x", "/dev/ttyAMA0"])
def test_ports_that_stay_with_their_device_are_accepted(port: str) -> None:
    assert parse(changed("/dev/rvos-cuff", port)).cuff.port == port


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("ceiling_mmhg", "celling_mmhg", "9:1: cuff.celling_mmhg is unknown; did you mean 'ceiling_mmhg'?"),
        ("[mqtt]", "[mqt]", "16:2: mqt is unknown; did you mean 'mqtt'?"),
        ("[site]", "z = 1\n[site]", f"1:1: z is unknown; known here: {', '.join(Config.__struct_fields__)}"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_an_error_with_the_nearest_known_one(old: str, new: str, finding: str) -> None:
    assert f"rvos.toml:{finding}" in findings(changed(old, new))


def test_a_password_in_the_file_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        parse(VALID + 'password = "hunter2"\n')
    assert "did you mean 'password_file'?" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_errors_are_reported_in_the_order_of_the_file() -> None:
    text = changed("220", "500").replace("icu-2", "ICU").replace("channel = 2", "chanel = 2")
    places = [finding.split(": ")[0] for finding in findings(text)]
    assert places == ["rvos.toml:3:8", "rvos.toml:9:16", "rvos.toml:11:2", "rvos.toml:13:1"]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("[site]\nsite = \n", "2:8: not valid TOML: Invalid value"),
        ('[site]\nsite = "a\nward = 1', "2:10: not valid TOML: Illegal character '\\n'"),
        ("[site]\n[site]\n", "2:1: this table already stands above"),
        ("[site]\na = 1\na = 2\n", "3:1: this key already has a value above"),
        ("[site]\nsite = 'a", '2:10: not valid TOML: Expected "\'"'),
    ],
)
def test_broken_toml_is_located(text: str, finding: str) -> None:
    assert findings(text) == [f"rvos.toml:{finding}"]


def test_an_empty_file_names_every_missing_table() -> None:
    assert findings("") == [
        "rvos.toml: the table [site] is missing",
        "rvos.toml: the table [cuff] is missing",
        "rvos.toml: the table [mqtt] is missing",
    ]


def test_a_nest_that_exhausts_the_parser_is_a_finding() -> None:
    assert findings("a = " + "[" * 20_000) == ["rvos.toml: is nested too deeply"]


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml: cannot be read \(No such file.*rvos config init"):
        load(tmp_path / "absent.toml")
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b"[site]\nsite = '\xe9'\n")
    with pytest.raises(ConfigError, match=r"latin\.toml: is not UTF-8 text: byte 0xe9 in line 2"):
        load(latin)


@pytest.mark.parametrize(
    ("extra", "finding"),
    [
        ('password_file = "/p"\n', "18:17: mqtt.password_file needs mqtt.username"),
        (
            '[mqtt.tls]\nca = "/ca"\ncert = "/c"\n',
            "20:8: mqtt.tls.cert and mqtt.tls.key must both stand here",
        ),
        ('[mqtt.tls]\nca = "/ca"\nkey = "/k"\n', "20:7: mqtt.tls.cert and mqtt.tls.key must both stand here"),
        ('[link]\nstate_dir = "/var/lib/rvos"\n', "19:13: link.state_dir: must not be core.state_dir"),
        (
            '[annunciator]\noutput = "gpio"\nred_line = 17\n',
            '19:10: annunciator.output = "gpio" needs annunciator.yellow_line, annunciator.buzzer_line',
        ),
        (
            '[annunciator]\noutput = "gpio"\nred_line = 17\nyellow_line = 27\nbuzzer_line = 17\n',
            "22:15: annunciator: red_line, yellow_line and buzzer_line must differ",
        ),
        (
            '[hub]\nport = "/dev/rvos-hub"\ndescription = "EMG"\nartifact_uv = 2500\n',
            "21:15: hub.artifact_uv needs hub.evoked_channel",
        ),
    ],
)
def test_contradicting_values_are_located(extra: str, finding: str) -> None:
    (found,) = findings(VALID + extra)
    assert found.startswith(f"rvos.toml:{finding}")


@pytest.mark.parametrize(
    ("columns", "finding"),
    [
        ("", '13:10: oximeter.driver = "invos" needs oximeter.columns'),
        ('columns = ["rso2-1", "rso2_2"]\n', "14:11: oximeter.columns: 'rso2_2' is no column"),
        ('columns = ["rso2-1", "date", "date"]\n', "14:11: oximeter.columns: a column stands there twice"),
        ('columns = ["date", "time"]\n', "14:11: oximeter.columns: no column holds a saturation"),
    ],
)
def test_columns_that_no_line_can_have_are_located(columns: str, finding: str) -> None:
    (found,) = findings(changed("channel = 2\n", f'driver = "invos"\n{columns}channel = 2\n'))
    assert found.startswith(f"rvos.toml:{finding}"), found


def test_the_names_of_the_columns_are_the_drivers() -> None:
    assert all(re.fullmatch(INVOS_COLUMN, name) for name in invos.NAMES)
    assert sum(name[-1:].isdigit() for name in invos.NAMES) == 4 * INVOS_COLUMN.split("(")[1].count("|") + 4
    assert parse(
        changed("channel = 2\n", 'driver = "invos"\ncolumns = ["any", "any", "rso2-4"]\nchannel = 2\n')
    )


def test_the_columns_of_the_example_are_columns() -> None:
    text = example()
    [line] = [line for line in text.splitlines() if line.startswith("# columns = ")]
    oximeter = parse(changed("channel = 2\n", f'driver = "invos"\n{line[2:]}\nchannel = 2\n')).oximeter
    assert oximeter is not None
    assert oximeter.columns == ("version", "date", "time", "rso2-1")


def test_an_annunciator_is_whole_or_the_terminal() -> None:
    assert parse(VALID).annunciator.output == "terminal"
    lines = "red_line = 17\nyellow_line = 27\nbuzzer_line = 0\n"
    whole = parse(VALID + f'[annunciator]\noutput = "gpio"\n{lines}').annunciator
    assert (whole.chip, whole.red_line, whole.yellow_line, whole.buzzer_line) == ("/dev/gpiochip0", 17, 27, 0)
    assert parse(VALID + "[annunciator]\nred_line = 17\n").annunciator.output == "terminal"


@pytest.mark.parametrize(
    ("extra", "finding"),
    [
        (
            '[annunciator]\noutput = "lamp"\n',
            '19:10: annunciator.output = "lamp": must be "terminal" or "gpio"',
        ),
        (
            "[annunciator]\nred_line = -1\n",
            "19:12: annunciator.red_line = -1: must be the number of a GPIO line",
        ),
        (
            '[annunciator]\nchip = "gpiochip0"\n',
            '19:8: annunciator.chip = "gpiochip0": must be an absolute path',
        ),
    ],
)
def test_a_wrong_annunciator_is_located(extra: str, finding: str) -> None:
    (found,) = findings(VALID + extra)
    assert found.startswith(f"rvos.toml:{finding}")


STIMULATOR = """\
[stimulator]
description = "two pads of 50 cm2"
current_ma = 60
pulse_width_us = 400
frequency_hz = 50
charge_uc = 24
pad_area_cm2 = 50
daily_minutes = 30
device_current_ma = 130
device_pulse_width_us = 500
device_frequency_hz = 50
"""


def test_a_stimulator_has_its_ceilings_or_is_not_there() -> None:
    assert parse(VALID).stimulator is None
    found = parse(VALID + STIMULATOR).stimulator
    assert found is not None
    assert (found.current_ma, found.pulse_width_us, found.frequency_hz, found.charge_uc) == (60, 400, 50, 24)
    assert (found.pad_area_cm2, found.daily_minutes) == (50, 30)
    same = STIMULATOR.replace("device_current_ma = 130", "device_current_ma = 60")
    assert parse(VALID + same).stimulator is not None


@pytest.mark.parametrize("line", STIMULATOR.splitlines()[1:])
def test_no_ceiling_of_stimulation_has_a_default(line: str) -> None:
    (found,) = findings(VALID + STIMULATOR.replace(f"\n{line}\n", "\n"))
    assert found.startswith(f"rvos.toml:18:2: stimulator.{line.split()[0]} is missing")


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("current_ma = 60", "current_ma = 131", "20:14: stimulator.current_ma = 131: is above stimulator"),
        ("width_us = 400", "width_us = 501", "21:18: stimulator.pulse_width_us = 501: is above stimulator"),
        ("frequency_hz = 50\nc", "frequency_hz = 51\nc", "22:16: stimulator.frequency_hz = 51: is above"),
        ("charge_uc = 24", "charge_uc = 0", "23:13: stimulator.charge_uc = 0: must be a whole number from 1"),
        ("pad_area_cm2 = 50", "pad_area_cm2 = 0.5", "24:16: stimulator.pad_area_cm2 = 0.5: must be a whole"),
        ("daily_minutes = 30", "daily_minutes = 1441", "25:17: stimulator.daily_minutes = 1441: must be"),
    ],
)
def test_a_wrong_ceiling_of_stimulation_is_located(old: str, new: str, finding: str) -> None:
    assert STIMULATOR.count(old) == 1
    (found,) = findings(VALID + STIMULATOR.replace(old, new))
    assert found.startswith(f"rvos.toml:{finding}")


def test_a_site_speaks_english_unless_it_says_french() -> None:
    assert parse(VALID).site.language == "en"
    assert parse(changed("[site]", '[site]\nlanguage = "fr"')).site.language == "fr"
    (found,) = findings(changed("[site]", '[site]\nlanguage = "de"'))
    assert found == 'rvos.toml:2:12: site.language = "de": must be "en" or "fr", in quotes'


MODULE = """\
[blood_pressure]
port = "/dev/rvos-blood-pressure"
limb = "left_upper_arm"
description = "SunTech module, adult cuff, left arm"
"""
ALGOMETER = """\
[algometer]
port = "/dev/rvos-algometer"
research_use = "A. Technician, 2026-11-22, approval 7"
description = "CPAR+, cuff 12 cm"
"""


def test_a_blood_pressure_module_says_where_its_cuff_is() -> None:
    assert parse(VALID).blood_pressure is None
    found = parse(VALID + MODULE).blood_pressure
    assert found is not None
    assert (found.limb, found.driver, found.further_firmware) == (Limb.LEFT_UPPER_ARM, "suntech", None)
    (missing,) = findings(VALID + MODULE.replace('limb = "left_upper_arm"\n', ""))
    assert missing.startswith('rvos.toml:18:2: blood_pressure.limb is missing: it must be "left_thigh"')
    (wrong,) = findings(VALID + MODULE.replace("left_upper_arm", "left_arm"))
    assert wrong.startswith('rvos.toml:20:8: blood_pressure.limb = "left_arm": must be')


@pytest.mark.parametrize("texts", ['[""]', '["L"]', '["L X"]', '"LX"', "[7]"])
def test_no_firmware_is_accepted_by_a_text_that_fits_any(texts: str) -> None:
    (found,) = findings(f"{VALID}{MODULE}further_firmware = {texts}\n")
    assert found.startswith("rvos.toml:22:20: blood_pressure.further_firmware = ")


def test_an_algometer_needs_the_sites_signed_line() -> None:
    found = parse(VALID + ALGOMETER).algometer
    assert found is not None
    assert found.research_use == "A. Technician, 2026-11-22, approval 7"
    unsigned = "".join(line for line in ALGOMETER.splitlines(True) if not line.startswith("research_use"))
    (missing,) = findings(VALID + unsigned)
    assert missing.startswith("rvos.toml:18:2: algometer.research_use is missing")


@pytest.mark.parametrize("table", [MODULE, ALGOMETER])
def test_the_newer_devices_have_a_port_of_their_own(table: str) -> None:
    name = table.splitlines()[0].strip("[]")
    port = f"/dev/rvos-{name.replace('_', '-')}"
    (found,) = findings(VALID + table.replace(port, "/dev/rvos-cuff"))
    assert found.startswith(f"rvos.toml:19:8: {name}.port")


def test_two_devices_on_one_port_are_refused() -> None:
    (found,) = findings(changed("/dev/serial/by-id/usb-oximeter", "/dev/rvos-cuff"))
    assert found.startswith("rvos.toml:12:8: oximeter.port")


def test_tls_may_have_a_client_certificate_or_none() -> None:
    both = parse(VALID + '[mqtt.tls]\nca = "/ca"\ncert = "/c"\nkey = "/k"\n').mqtt.tls
    assert both is not None
    assert (both.ca, both.cert, both.key) == ("/ca", "/c", "/k")
    alone = parse(VALID + '[mqtt.tls]\nca = "/ca"\n').mqtt.tls
    assert alone is not None
    assert (alone.cert, alone.key) == (None, None)


def test_the_hash_counts_values_and_not_their_layout() -> None:
    values = parse(VALID)
    same = parse("# a comment\n" + VALID.replace("ceiling_mmhg = 220", "ceiling_mmhg=0xdc") + "port = 1883\n")
    assert config_hash(values) == config_hash(same)
    assert len(config_hash(values)) == 64
    assert config_hash(parse(changed("220", "221"))) != config_hash(values)


LINES = st.sampled_from(VALID.split("\n"))
GARBAGE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(LINES | GARBAGE, max_size=12))
def test_no_text_raises_anything_but_a_located_error(lines: list[str]) -> None:
    text = "\n".join(lines)
    for finding in _findings_of_any(text):
        assert finding.text
        assert 0 <= finding.line <= len(text.split("\n"))


def _findings_of_any(text: str) -> list[Finding]:
    try:
        parse(text)
    except ConfigError as error:
        return error.findings
    return []
