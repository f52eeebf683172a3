"""``rvos device``: what is plugged in, who each device says it is, how it does.

Theory of operation
-------------------
Core has the ports, so core is asked; nothing here opens one.  ``list`` also shows what USB has and no line of
the configuration names, for the technician who is writing the file.  ``watch`` asks once a second and prints
what changes.  The controller's own test is ``rvos selftest``.  ``simulate`` asks nobody: it is
a device, for who has none.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.conversation import core_socket, document, print_document
from gateway.cli.options import config_option, json_option
from gateway.runtime.control_client import ask
from gateway.runtime.requests import EXIT_FINDING, Device, DeviceList, Devices

EVERY_S = 1.0


@click.group()
def device() -> None:
    """List, identify and watch the devices."""


@device.command("list")
@json_option
@config_option
def list_(as_json: bool) -> None:
    """Every device and how it does.

    Also USB serial ports that the configuration does not name.
    """
    reply = ask(core_socket(), DeviceList())
    found = document(reply, Devices)
    if as_json:
        print_document(reply.data)
        return
    for one in found.devices:
        click.echo("\n".join([_line(one), *_note(one)]))
    for line in _unnamed({one.port for one in found.devices}):
        click.echo(line)


@device.command()
@click.argument("name")
@json_option
@config_option
def identify(name: str, as_json: bool) -> None:
    """Who the device NAME says it is, and what went over its link.

    Exit code 1 when it is not ready.
    """
    reply = ask(core_socket(), DeviceList())
    found = {one.name: one for one in document(reply, Devices).devices}
    if name not in found:
        raise click.UsageError(f"no device {name!r}; this gateway has: {', '.join(found)}")
    one = found[name]
    if as_json:
        print_document(next(row for row in reply.data["devices"] if row["name"] == name))
    else:
        click.echo("\n".join(_page(one)))
    if one.state != "ready":
        raise SystemExit(EXIT_FINDING)


@device.command()
@click.argument("name", default="")
@click.option("--seconds", type=click.IntRange(1), help="End after so long; without it, until interrupted.")
@config_option
def watch(name: str, seconds: int | None) -> None:
    """Print what changes of the device NAME, or of all, once a second."""
    from gateway.runtime.clock import SystemClock

    before: dict[str, str] = {}
    clock, pause = SystemClock(), threading.Event()
    began_ms = clock.now_ms()
    while seconds is None or clock.now_ms() - began_ms < seconds * 1000:
        ago_s = (clock.now_ms() - began_ms) // 1000
        for one in document(ask(core_socket(), DeviceList()), Devices).devices:
            line = _line(one)
            if name in ("", one.name) and before.get(one.name) != line:
                click.echo(f"{ago_s:>6} s  {line}")
            before[one.name] = line
        pause.wait(EVERY_S)


@device.command()
@json_option
@config_option
def selftest(as_json: bool) -> None:
    """Whether every device is there and alive.

    Exit code 1 when one is not, or is not the one that is configured.
    """
    reply = ask(core_socket(), DeviceList())
    found = document(reply, Devices).devices
    if as_json:
        print_document(reply.data)
    else:
        for one in found:
            click.echo(f"{'PASS' if one.state == 'ready' else 'FAIL'}  {_line(one)}")
    if any(one.state != "ready" for one in found):
        raise SystemExit(EXIT_FINDING)


@device.command()
@click.argument("name")
@click.option(
    "--port",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The name that the device gets; without it one in your runtime folder.",
)
def simulate(name: str, port: Path | None) -> None:
    """Be the device NAME, simulated, until interrupted.

    NAME: nonin, invos, moxy, rehastim2, p24, hub, cyton, bitalino, nonin-oem, suntech or cpar.

    It is behind a pseudo-terminal (the Moxy: it comes to the socket on which core listens). No current, no
    pressure: it only says what such a device would say.
    """
    import asyncio

    from gateway.runtime.clock import SystemClock
    from gateway.simulation import table_top

    if name not in table_top.NAMES:
        raise click.UsageError(f"no simulated device {name!r}; there are: {', '.join(table_top.NAMES)}")
    clock, at = SystemClock(), (port or table_top.default_port(name)).absolute()
    if name != table_top.MOXY and os.path.lexists(at):
        raise click.UsageError(f"{at} exists: another one runs, or died; remove it, or name another --port")
    click.echo(f"SIMULATED {name} at {at}: a program, no device; nobody is measured or stimulated", err=True)
    click.echo("\n".join(table_top.configuration_lines(name, at)))
    asyncio.run(table_top.live(table_top.plug_of(name, at, clock), clock))
    click.echo("unplugged", err=True)


def _line(one: Device) -> str:
    who = " ".join(word for word in (one.model, one.serial, one.firmware) if word)
    return f"{one.name:<15} {one.state:<8} {one.why or who}"


def _note(one: Device) -> list[str]:
    return [f"{'':<15} NOTE     {one.notice}"] if one.notice else []


def _page(one: Device) -> Iterator[str]:
    yield f"{one.name}: {one.state}" + (f", {one.why}" if one.why else "")
    yield f"  port          {one.port}, opened {'once' if one.opened == 1 else f'{one.opened} times'}"
    yield f"  described as  {one.description}"
    yield f"  model         {one.model or 'not told'}"
    yield f"  serial        {one.serial or 'not told'}"
    yield f"  firmware      {one.firmware or 'not told'}"
    yield from _usb(one.port)
    age = "never" if one.age_ms is None else f"{one.age_ms / 1000:.1f} s ago"
    yield f"  last valid    {age}"
    yield f"  frames        {one.frames}, {one.gaps} missing"
    yield f"  damaged       {one.checksum_errors} by their checksum, {one.resyncs} times out of step"
    if one.round_trip_ms is not None:
        yield f"  round trip    {one.round_trip_ms} ms"
    if one.notice:
        yield f"  NOTE          {one.notice}"


def _usb(port: str) -> Iterator[str]:
    from drivers.usb import look

    found = look(port) if port else None
    if found is None:
        return
    yield f"  USB           {found.described}"
    if found.latency_ms is not None:
        verdict = "" if found.latency_ms <= 1 else ": too long for a closed loop, see systemd/60-rvos.rules"
        yield f"  FTDI latency  {found.latency_ms} ms{verdict}"


def _unnamed(ports: set[str]) -> Iterator[str]:
    from drivers.usb import plugged_in

    named = {os.path.basename(os.path.realpath(port)) for port in ports if port}
    for usb in plugged_in():
        if usb.node not in named:
            yield f"{'-':<15} {'unnamed':<8} /dev/{usb.node}: {usb.described}"
