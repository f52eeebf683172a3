"""Tissue oxygen from light: kernels against plain arrays, the tables, the corrections for blood volume."""

import math
from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsp import extinction, nirs
from dsp.errors import SignalRefused
from tests.dsp.conformance import KernelConformance

WAVELENGTHS = (760.0, 810.0, 850.0)
FACTOR = nirs.PathFactor((4.0, 4.0, 4.0), "thigh", "stated in this test", "entered by a person")
OPTICS = nirs.Optics(extinction.table("wray1988"), WAVELENGTHS, (35.0, 30.0), FACTOR)
SPATIAL = nirs.SpatialOptics(
    extinction.table("wray1988"), (760.0, 810.0, 850.0), (30.0, 35.0, 40.0), 6.3e-4, "Suzuki 1999"
)


def matrix(table: extinction.Table, wavelengths: tuple[float, ...]) -> "np.ndarray[Any, Any]":
    return np.array([table.at(nm) for nm in wavelengths])


def light(frames: int, columns: int, seed: int = 1) -> "np.ndarray[Any, Any]":
    made = np.random.default_rng(seed).uniform(0.2, 2.0, (frames, columns))
    made[3, 1] = np.nan
    made[17, 0] = 0.0
    made[20, 2] = -1.0
    made[25] = np.inf
    return made


class TestBeerLambert(KernelConformance):
    ulps = 4
    absolute = 1e-9  # uM, of changes of some 100

    def make(self, largest_chunk: int) -> nirs.BeerLambert:
        return nirs.BeerLambert(OPTICS, "intensity", largest_chunk)

    def resumed(self, largest_chunk: int, state: bytes) -> nirs.BeerLambert:
        return nirs.BeerLambert.resumed(OPTICS, "intensity", largest_chunk, state)

    def recording(self) -> "np.ndarray[Any, Any]":
        return light(700, 6)

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        made = []
        for channel, spacing_mm in enumerate(OPTICS.spacings_mm):
            own = recording[:, 3 * channel : 3 * channel + 3]
            valid = np.all(np.isfinite(own) & (own > 0), axis=1)
            absorbance = np.log10(own[np.argmax(valid)] / np.where(valid[:, None], own, np.nan))
            paths = spacing_mm / 10 * np.array(FACTOR.values)
            design = matrix(OPTICS.table, WAVELENGTHS) * paths[:, None]
            made.append(1e6 * absorbance @ np.linalg.pinv(design).T)
        return np.concatenate(made, axis=1).ravel()


class TestSpatiallyResolved(KernelConformance):
    ulps = 64
    absolute = 1e-12

    def make(self, largest_chunk: int) -> nirs.SpatiallyResolved:
        return nirs.SpatiallyResolved(SPATIAL, "attenuation, base 10", largest_chunk)

    def resumed(self, largest_chunk: int, state: bytes) -> nirs.SpatiallyResolved:
        return nirs.SpatiallyResolved.resumed(SPATIAL, "attenuation, base 10", largest_chunk, state)

    def recording(self) -> "np.ndarray[Any, Any]":
        made = np.array([[attenuation(s, 0.5) for s in np.linspace(0.2, 0.9, 400)]]).reshape(400, 9)
        made[5, 4] = np.nan
        made[9] = 1.0  # no growth with distance: no absorption follows
        return made

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        made = []
        for frame in recording.reshape(-1, 3, 3):
            slope = np.polyfit(np.array(SPATIAL.distances_mm) / 10, np.nan_to_num(frame), 1)[0]
            rest = math.log(10) * slope - 2 / 3.5
            scatter = 3 * (1 - SPATIAL.h_per_nm * np.array(SPATIAL.wavelengths_nm))
            oxy, deoxy = np.linalg.pinv(matrix(SPATIAL.table, SPATIAL.wavelengths_nm)) @ (rest**2 / scatter)
            is_known = np.all(np.isfinite(frame)) and np.all(rest > 0)
            made.append((100 * oxy / (oxy + deoxy), oxy, deoxy) if is_known else (np.nan,) * 3)
        return np.array(made).ravel()


class TestBloodVolume(KernelConformance):
    absolute = 1e-11

    def make(self, largest_chunk: int) -> nirs.BloodVolume:
        return nirs.BloodVolume(largest_chunk)

    def resumed(self, largest_chunk: int, state: bytes) -> nirs.BloodVolume:
        return nirs.BloodVolume.resumed(largest_chunk, state)

    def recording(self) -> "np.ndarray[Any, Any]":
        made = np.random.default_rng(2).normal((80.0, 60.0), 2.0, (600, 2))
        made[0] = np.nan
        made[40, 0] = np.nan
        return made

    def oracle(self, recording: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        valid = np.all(np.isfinite(recording), axis=1)
        own = recording[valid]
        share = (own[:, 0] / own.sum(axis=1))[1:]
        steps, total = np.diff(own, axis=0), np.diff(own.sum(axis=1))
        changes = steps - np.column_stack((share * total, (1 - share) * total))
        made = np.full(recording.shape, np.nan)
        made[valid] = np.vstack(([0.0, 0.0], np.cumsum(changes, axis=0)))
        return made.ravel()


def attenuation(saturation: float, total_mm: float) -> "np.ndarray[Any, Any]":
    """Distance x wavelength, of tissue of this saturation, by the model itself."""
    table = matrix(SPATIAL.table, SPATIAL.wavelengths_nm)
    absorption = math.log(10) * table @ (1e-4 * total_mm * np.array([saturation, 1 - saturation]))
    scatter = 20 * (1 - SPATIAL.h_per_nm * np.array(SPATIAL.wavelengths_nm))
    slope = (np.sqrt(3 * absorption * scatter) + 2 / 3.5) / math.log(10)
    return np.outer(np.array(SPATIAL.distances_mm) / 10, slope)


@pytest.mark.parametrize("saturation", [0.05, 0.4, 0.65, 0.95])
def test_saturation_of_tissue_that_is_as_the_model_has_it(saturation: float) -> None:
    kernel = nirs.SpatiallyResolved(SPATIAL, "attenuation, base 10", 1)
    kernel.push(attenuation(saturation, 1.0))
    assert kernel.out[0] == pytest.approx(100 * saturation, abs=1e-9)


def test_intensities_and_both_bases_of_attenuation_say_the_same() -> None:
    frame = attenuation(0.6, 1.0)
    found = []
    for takes, given_frame in (
        ("attenuation, base 10", frame),
        ("attenuation, base e", frame * math.log(10)),
        ("intensity", 10.0**-frame),
    ):
        kernel = nirs.SpatiallyResolved(SPATIAL, takes, 1)  # type: ignore[arg-type]
        kernel.push(np.ascontiguousarray(given_frame))
        found.append(kernel.out[0])
    assert found == pytest.approx([60.0] * 3, abs=1e-9)


def test_frames_without_saturation_are_counted() -> None:
    kernel = nirs.SpatiallyResolved(SPATIAL, "intensity", 4)
    kernel.push(np.array([np.full(9, 1.0), np.full(9, np.nan), 10.0 ** -attenuation(0.5, 1.0).ravel()]))
    assert (kernel.frames, kernel.refused) == (3, 2)


@pytest.mark.parametrize("name", ["prahl", "wray1988", "moaveni"])
@pytest.mark.parametrize("pair", [(760.0, 850.0), (760.0, 810.0, 850.0)])
def test_known_changes_come_back(name: str, pair: tuple[float, ...]) -> None:
    table = extinction.table(name)
    factor = nirs.PathFactor((4.0,) * len(pair), "thigh", "this test", "entered by a person")
    kernel = nirs.BeerLambert(nirs.Optics(table, pair, (35.0,), factor), "attenuation, base 10", 2)
    change_um = np.array([-10.0, 10.0])
    absorbance = matrix(table, pair) @ change_um * 1e-6 * 3.5 * 4.0
    kernel.push(np.array([np.zeros(len(pair)), absorbance]))
    assert list(kernel.out[2:4]) == pytest.approx([-10.0, 10.0], rel=1e-12)


def test_natural_attenuation_is_not_taken_for_decadic() -> None:
    optics = nirs.Optics(
        extinction.table("wray1988"), (760.0, 850.0), (35.0,), FACTOR._replace(values=(4.0, 4.0))
    )
    frames = np.array([[0.0, 0.0], [0.01, 0.02]])
    natural, decadic = (nirs.BeerLambert(optics, f"attenuation, base {b}", 2) for b in ("e", "10"))  # type: ignore[arg-type]
    natural.push(frames * math.log(10))
    decadic.push(frames)
    assert list(natural.out) == pytest.approx(list(decadic.out))


def test_a_table_in_base_e_says_the_same() -> None:
    decadic = extinction.table("wray1988")
    entries = tuple((nm, math.log(10) * oxy, math.log(10) * deoxy) for nm, oxy, deoxy in decadic.entries)
    natural = decadic._replace(base="e", entries=entries)
    assert natural.at(760.0) == pytest.approx(decadic.at(760.0))


def test_prahl_for_wray_is_the_difference_that_the_literature_has() -> None:
    prahl, wray = (matrix(extinction.table(name), (760.0, 850.0)) for name in ("prahl", "wray1988"))
    made = np.linalg.solve(prahl, wray @ [-10.0, 10.0])
    assert made == pytest.approx([-9.7, 10.3], abs=0.05)


def test_between_neighbours_of_two_nm_and_no_further() -> None:
    wray = extinction.table("wray1988")
    assert wray.at(763.0) == pytest.approx((658.35, 1636.65))
    assert wray.at(735.0) == pytest.approx((525.85, 1289.5))
    for nm in (770.0, 500.0, 1000.0):
        with pytest.raises(SignalRefused, match=f"no {nm:g} nm"):
            wray.at(nm)


def test_an_unknown_table_is_refused_by_name() -> None:
    with pytest.raises(SignalRefused, match="no table 'cope': choose one of moaveni, prahl, wray1988"):
        extinction.table("cope")


@pytest.mark.parametrize(
    ("wavelengths", "why"),
    [((810.0, 850.0), "condition 2"), ((760.0,), "two or more"), ((760.0, 760.0), "different")],
)
def test_wavelengths_that_cannot_tell_the_species_apart(wavelengths: tuple[float, ...], why: str) -> None:
    optics = OPTICS._replace(
        wavelengths_nm=wavelengths, path_factor=FACTOR._replace(values=(4.0,) * len(wavelengths))
    )
    with pytest.raises(SignalRefused, match=why):
        nirs.BeerLambert(optics, "intensity", 1)


@pytest.mark.parametrize(
    ("optics", "why"),
    [
        (OPTICS._replace(spacings_mm=(35.0, 0.0)), "spacing"),
        (OPTICS._replace(spacings_mm=()), "spacing"),
        (OPTICS._replace(path_factor=FACTOR._replace(values=(4.0,))), "path factor"),
        (OPTICS._replace(path_factor=FACTOR._replace(values=(4.0, 4.0, math.nan))), "path factor"),
    ],
)
def test_optics_that_make_no_sense(optics: nirs.Optics, why: str) -> None:
    with pytest.raises(SignalRefused, match=why):
        nirs.BeerLambert(optics, "intensity", 1)


def test_numbers_that_are_not_float64_are_refused() -> None:
    kernel = nirs.BloodVolume(4)
    for wrong in (array("f", [1, 2]), array("q", [1, 2]), np.array([1.0, 2.0], dtype=">f8")):
        with pytest.raises(ValueError, match="chunk"):
            kernel.push(wrong)


def test_the_reference_is_the_first_valid_frame() -> None:
    kernel = nirs.BeerLambert(OPTICS._replace(spacings_mm=(35.0,)), "intensity", 3)
    kernel.push(np.array([[0.0, 1.0, 1.0], [0.5, 0.6, 0.7], [0.5, 0.6, 0.7]]))
    assert list(kernel.reference()) == [0.5, 0.6, 0.7]
    assert [math.isnan(one) for one in kernel.out] == [True, True] + [False] * 4
    assert list(kernel.out[2:]) == [0.0] * 4


numbers = st.floats(-300.0, 300.0)
traces = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60)


@given(traces)
def test_after_either_correction_nothing_is_left_of_the_total(pairs: list[tuple[float, float]]) -> None:
    oxy, deoxy = (array("d", column) for column in zip(*pairs, strict=True))
    for made in (nirs.beever2020(oxy, deoxy), nirs.ryan2012(oxy, deoxy, pairs[0])):
        for one, other in zip(made.oxy_um, made.deoxy_um, strict=True):
            assert math.isnan(one) or abs(one + other) < 1e-8


def occlusion(consumption: float, inflow: float, oxy: float, deoxy: float) -> tuple[Any, Any]:
    """Ten seconds: oxygen goes over at ``consumption`` uM/s, blood of the same mix comes in at ``inflow``."""
    seconds = np.arange(0.0, 10.0, 0.1)
    share = oxy / (oxy + deoxy)
    return (
        array("d", oxy - consumption * seconds + share * inflow * seconds),
        array("d", deoxy + consumption * seconds + (1 - share) * inflow * seconds),
    )


def test_beever_finds_the_consumption_that_blood_volume_hides() -> None:
    made = nirs.beever2020(*occlusion(0.2, 0.3, 80.0, 60.0))
    assert made.deoxy_um[-1] / 9.9 == pytest.approx(0.2, rel=0.02)


def test_ryan_on_changes_and_the_trap_of_absolute_values() -> None:
    oxy, deoxy = occlusion(0.2, 0.0, 80.0, 60.0)
    changes = nirs.ryan2012(oxy, deoxy, (oxy[0], deoxy[0]))
    assert changes.deoxy_um[-1] / 9.9 == pytest.approx(0.2)
    absolute = nirs.ryan2012(oxy, deoxy, (0.0, 0.0))
    assert (absolute.deoxy_um[-1] - absolute.deoxy_um[0]) / 9.9 == pytest.approx(0.4)  # twice too much


def test_negative_values_get_one_common_offset() -> None:
    oxy, deoxy = occlusion(0.2, 0.1, 80.0, 60.0)
    low = nirs.beever2020(array("d", [one - 90 for one in oxy]), array("d", [one - 90 for one in deoxy]))
    assert low.offset_um == pytest.approx(30.0)
    assert nirs.beever2020(oxy, deoxy).offset_um == 0.0


@pytest.mark.parametrize("offset", [-1.0, math.nan, math.inf])
def test_an_offset_that_is_none_is_refused(offset: float) -> None:
    with pytest.raises(SignalRefused, match="offset"):
        nirs.BloodVolume(1, offset)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(SignalRefused, match="2 values of O2Hb and 1 of HHb"):
        nirs.beever2020(array("d", [1, 2]), array("d", [1]))


@pytest.mark.parametrize("distances", [(30.0,), (30.0, 30.0), (0.0, 30.0)])
def test_distances_that_give_no_slope(distances: tuple[float, ...]) -> None:
    with pytest.raises(SignalRefused, match="distances"):
        nirs.SpatiallyResolved(SPATIAL._replace(distances_mm=distances), "intensity", 1)


def test_scatter_that_is_none() -> None:
    with pytest.raises(SignalRefused, match="scatter"):
        nirs.SpatiallyResolved(SPATIAL._replace(h_per_nm=0.002), "intensity", 1)


@pytest.mark.parametrize("largest", [0, -1])
def test_a_kernel_for_no_frames_is_refused(largest: int) -> None:
    with pytest.raises(SignalRefused, match="chunks of"):
        nirs.BloodVolume(largest)
