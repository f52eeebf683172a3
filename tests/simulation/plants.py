"""A plant and the few things that a controller can do to it, for the tests of the physics."""

from collections.abc import Callable

from gateway.simulation.air import SUB_STEP_MS
from gateway.simulation.plant import DE_ENERGISED, Actuators, Plant

PUMPING = Actuators(pump_permille=1000, inflate_open=True, dump_closed=True)
HOLDING = Actuators(dump_closed=True)
LEAD_CLOSED = Actuators(relay_closed=True)

TARGET_MMHG = 170.0


def run(plant: Plant, seconds: float, actuators: Actuators = DE_ENERGISED) -> None:
    """Let time pass."""
    plant.step(plant.now_ms + round(1000 * seconds), actuators)


def run_until(plant: Plant, actuators: Actuators, reached: Callable[[], bool], limit_s: float) -> float:
    """Seconds until ``reached``; fails when that takes longer than ``limit_s``."""
    start_ms = plant.now_ms
    while not reached():
        plant.step(plant.now_ms + SUB_STEP_MS, actuators)
        assert plant.now_ms - start_ms <= limit_s * 1000, f"not reached in {limit_s} s"
    return (plant.now_ms - start_ms) / 1000


def inflate(plant: Plant, target_mmhg: float = TARGET_MMHG) -> float:
    """Pump until the cuff has this pressure; the seconds it took."""
    return run_until(plant, PUMPING, lambda: plant.pressure_mmhg >= target_mmhg, 30)


def hold_at(plant: Plant, target_mmhg: float, seconds: float) -> list[float]:
    """A crude on-off control on the truth; returns the saturation every 10 ms."""
    saturations = []
    for _ in range(round(seconds * 100)):
        plant.step(plant.now_ms + 10, PUMPING if plant.pressure_mmhg < target_mmhg else HOLDING)
        saturations.append(plant.sto2_percent)
    return saturations


def release(plant: Plant, seconds: float) -> list[float]:
    """Saturation every 10 ms after the vent command."""
    saturations = []
    for _ in range(round(seconds * 100)):
        plant.step(plant.now_ms + 10, DE_ENERGISED)
        saturations.append(plant.sto2_percent)
    return saturations
