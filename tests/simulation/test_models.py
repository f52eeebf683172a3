"""The models name themselves, and every number of theirs names its source."""

from dataclasses import fields

import pytest

from gateway.simulation.models import (
    CUFFS,
    FAST_CUFF,
    FAST_LIMB,
    LIMB,
    LIMBS,
    PADDED_LIMB,
    QUADRICEPS,
    Cuff,
    Limb,
    Muscle,
)

MODELS = [*CUFFS.values(), *LIMBS.values(), QUADRICEPS]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_number_has_a_source(model: Cuff | Limb | Muscle) -> None:
    numbers = {field.name for field in fields(model) if isinstance(getattr(model, field.name), float)}
    assert numbers
    assert numbers == set(model.sources)
    words = ("chosen", "fitted", "computed", "1 is the body's own")
    assert all(source.startswith(words) for source in model.sources.values())


def test_models_are_found_by_name() -> None:
    assert set(CUFFS) == {"thigh_cuff", "fast_cuff", "reservoir_cuff"}
    assert set(LIMBS) == {"limb", "fast_limb", "padded_limb"}


def test_what_is_not_real_time_says_so() -> None:
    assert FAST_CUFF.description == "simulated fast cuff (1 s up, 1 s down)"
    assert FAST_LIMB.description == "simulated limb, physiology sped up 30 times"
    assert all(model.description.startswith("simulated") for model in MODELS)


def test_the_fast_limb_is_the_limb_at_another_speed() -> None:
    differing = {f.name for f in fields(Limb) if getattr(LIMB, f.name) != getattr(FAST_LIMB, f.name)}
    assert differing == {"name", "description", "speed"}
    assert FAST_LIMB.speed == 30 * LIMB.speed


def test_the_padded_limb_is_not_occluded_50_mmhg_above_its_systolic_pressure() -> None:
    differing = {f.name for f in fields(Limb) if getattr(LIMB, f.name) != getattr(PADDED_LIMB, f.name)}
    assert differing == {"name", "description", "occlusion_margin_mmhg"}
    assert LIMB.occlusion_mmhg < LIMB.systolic_mmhg + 50 < PADDED_LIMB.occlusion_mmhg == 195.0
    assert "195 mmHg" in PADDED_LIMB.description
