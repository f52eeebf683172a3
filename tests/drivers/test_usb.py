"""Who is plugged in behind a name. The kernel's tree is made by hand: no USB device can be had in a test."""

from pathlib import Path

import pytest

from drivers.usb import Expected, UsbPort, lateness, look, objection, plugged_in


class Machine:
    """A tree like /sys, and names like udev's."""

    def __init__(self, root: Path) -> None:
        self.sys, self.dev = root / "sys", root / "dev"
        (self.sys / "class" / "tty").mkdir(parents=True)
        self.dev.mkdir()

    def plug(self, node: str, vendor: str, product: str, serial: str = "", latency: str = "") -> str:
        """A USB serial adapter; the path of its node."""
        usb = self.sys / "devices" / "usb1" / f"1-{node}"
        interface = usb / f"1-{node}:1.0" / node
        interface.mkdir(parents=True)
        told = {"idVendor": vendor, "idProduct": product, "serial": serial, "manufacturer": "Maker"}
        for name, text in told.items():
            if text:
                (usb / name).write_text(text + "\n")
        if latency:
            (interface / "latency_timer").write_text(latency + "\n")
        entry = self.sys / "class" / "tty" / node
        entry.mkdir()
        (entry / "device").symlink_to(interface)
        (self.dev / node).touch()
        return str(self.dev / node)

    def tell(self, node: str, key: str, text: str) -> None:
        """Let the device behind this node say something else of itself."""
        (self.sys / "devices" / "usb1" / f"1-{node}" / key).write_text(text + "\n")

    def set_latency(self, node: str, text: str) -> None:
        """What the adapter's timer is set to."""
        (self.sys / "class" / "tty" / node / "device" / "latency_timer").write_text(text + "\n")

    def unplug(self, node: str) -> None:
        """Pull it out."""
        (self.sys / "class" / "tty" / node / "device").unlink()
        (self.sys / "class" / "tty" / node).rmdir()

    def name(self, name: str, node: str) -> str:
        """What a udev rule makes of it."""
        (self.dev / name).symlink_to(self.dev / node)
        return str(self.dev / name)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_name_leads_to_the_device_behind_it(machine: Machine) -> None:
    machine.plug("ttyUSB3", "0403", "6001", "FT1", "1")
    found = look(machine.name("rvos-oximeter", "ttyUSB3"), machine.sys)
    assert found == UsbPort("ttyUSB3", "0403", "6001", "FT1", "Maker", "", 1)
    assert found.described == "Maker (0403:6001, serial number FT1)"


def test_a_port_that_is_no_usb_device_has_no_identity_and_no_objection(machine: Machine) -> None:
    (machine.sys / "class" / "tty" / "ttyAMA0").mkdir()
    (machine.dev / "ttyAMA0").touch()
    path = str(machine.dev / "ttyAMA0")
    assert look(path, machine.sys) is None
    assert objection(path, Expected(("0403:",)), machine.sys) == ""
    assert look("/dev/nothing-here", machine.sys) is None


def test_all_usb_ports_are_listed(machine: Machine) -> None:
    machine.plug("ttyUSB1", "0403", "6001", "FT1")
    machine.plug("ttyACM0", "2e8a", "0005", "E66")
    (machine.sys / "class" / "tty" / "ttyS0").mkdir()
    assert [port.vendor for port in plugged_in(machine.sys)] == ["2e8a", "0403"]
    assert plugged_in(machine.sys / "nothing") == []


@pytest.mark.parametrize("ids", [("0403:6001",), ("2e8a:", "0403:"), ()])
def test_the_device_that_was_meant_is_no_matter(machine: Machine, ids: tuple[str, ...]) -> None:
    path = machine.plug("ttyUSB0", "0403", "6001", "FT1")
    assert objection(path, Expected(ids, "FT1"), machine.sys) == ""


def test_another_makers_device_on_the_right_name_is_refused(machine: Machine) -> None:
    machine.plug("ttyUSB0", "1a86", "7523")
    path = machine.name("rvos-cuff", "ttyUSB0")
    said = objection(path, Expected(("2e8a:0005",)), machine.sys)
    assert said.startswith(f"{path} is Maker (1a86:7523, serial number none), not one of 2e8a:0005")


def test_another_serial_number_is_refused(machine: Machine) -> None:
    path = machine.plug("ttyUSB0", "0403", "6001", "FT2")
    assert "the configuration expects serial number FT1" in objection(path, Expected((), "FT1"), machine.sys)


@pytest.mark.parametrize("serial", ["FT1", ""])
def test_two_alike_are_refused(machine: Machine, serial: str) -> None:
    path = machine.plug("ttyUSB0", "0403", "6001", serial)
    machine.plug("ttyUSB1", "0403", "6001", serial)
    machine.plug("ttyUSB2", "0403", "6015", serial)
    said = objection(path, Expected(), machine.sys)
    assert "two devices alike cannot be told apart" in said
    assert "ttyUSB1" in said
    assert "ttyUSB2" not in said


@pytest.mark.parametrize(("written", "latency_ms"), [("16", 16), ("", None), ("soon", None)])
def test_the_latency_timer_is_read_as_it_is(machine: Machine, written: str, latency_ms: int | None) -> None:
    path = machine.plug("ttyUSB0", "0403", "6001", "FT1", written)
    found = look(path, machine.sys)
    assert found is not None
    assert found.latency_ms == latency_ms


@pytest.mark.parametrize(
    ("vendor", "written", "found"),
    [
        ("0403", "1", ""),
        ("0403", "16", "is 16 ms"),
        ("0403", "2", "is 2 ms"),
        ("0403", "0", "is 0 ms"),
        ("0403", "", "cannot be read"),
        ("0403", "soon", "cannot be read"),
        ("2e8a", "", ""),
        ("1a86", "16", "is 16 ms"),
    ],
)
def test_a_timer_that_is_not_one_millisecond_is_said_with_what_repairs_it(
    machine: Machine, vendor: str, written: str, found: str
) -> None:
    machine.plug("ttyUSB0", vendor, "6001", "FT1", written)
    said = lateness(machine.name("rvos-oximeter", "ttyUSB0"), machine.sys)
    assert (found in said) if found else said == ""
    if found:
        assert "should be 1 ms" in said
        assert "echo 1 | sudo tee /sys/class/tty/ttyUSB0/device/latency_timer" in said


def test_a_port_that_is_no_usb_device_has_no_timer(machine: Machine) -> None:
    assert lateness("/dev/nothing-here", machine.sys) == ""
