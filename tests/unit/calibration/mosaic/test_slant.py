"""What slanted views do, against views of plants drawn with known sides; and mosaics with it taken out."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from calibration.mosaic.budget import BandBudget, Sight
from calibration.mosaic.graded import at_pixels, graded
from calibration.mosaic.ground_look import GroundLook, greenness
from calibration.mosaic.repeatability import measure_repeatability
from calibration.mosaic.sightings import Sightings
from calibration.mosaic.slant import measure_slant

PLACES, PHOTOS, NOISE = 800, 10, 0.012


def _sides(direction):
    return np.hypot(np.hypot(direction[:, 0], direction[:, 1]), 0.1) - 0.1


def _sightings(seed, sides, *, scatter=0.0, photo_sd=0.0):
    """Views of places whose log brightness grows by ``sides`` times their greenness (0.2 - 0.8)."""
    rng = np.random.default_rng(seed)
    place, photo = np.repeat(np.arange(PLACES), PHOTOS), np.tile(np.arange(PHOTOS), PLACES)
    green = np.linspace(0.2, 0.8, PLACES)
    direction = rng.uniform(-0.4, 0.4, (len(place), 2))
    own = sides * green + rng.normal(0, scatter, PLACES)
    gain = rng.normal(0, photo_sd, PHOTOS)
    noise = rng.normal(0, NOISE, len(place))
    return Sightings(
        place=place,
        photo=photo,
        log_value=rng.normal(-1.5, 0.3, PLACES)[place] + own[place] * _sides(direction) + gain[photo] + noise,
        direction=direction,
        roughness=np.full(len(place), 0.2),
        greenness=green[place],
    )


def _pixels(green, east):
    direction = np.zeros((2, 1, len(east)), np.float32)
    direction[0, 0] = east
    return np.full((1, len(east)), green, np.float32), direction


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sides_are_measured_by_greenness_and_taken_out(seed):
    found = measure_slant(_sightings(seed, 0.6), correct=True)
    assert found.corrected
    for green in (0.3, 0.7):
        look, direction = _pixels(green, [0.0, 0.1, 0.3])
        assert_allclose(found.log_brightness(look, direction)[0], 0.6 * green * _sides(direction[:, 0].T), atol=0.012)


def test_what_is_not_there_is_not_taken_out():
    found = measure_slant(_sightings(4, 0.0), correct=True)
    assert not found.corrected
    look, direction = _pixels(0.5, [0.3])
    assert found.log_brightness(look, direction)[0, 0] == 0


def test_terms_that_better_the_many_and_harm_the_slanted_few_stay_in():
    """Three in ten views see the opposite: the middle agrees better with the terms, the tail worse."""
    seen = _sightings(6, 0.6)
    few = np.random.default_rng(7).uniform(size=len(seen.place)) < 0.3
    other = seen.log_value - 2 * 0.6 * seen.greenness * _sides(seen.direction)
    found = measure_slant(replace(seen, log_value=np.where(few, other, seen.log_value)), correct=True)
    assert measure_slant(seen, correct=True).corrected
    assert not found.corrected


def test_what_stays_in_counts_as_an_error():
    seen = _sightings(5, 0.6)
    out, left = measure_slant(seen, correct=True), measure_slant(seen)
    look, direction = _pixels(0.5, [0.3])
    expected = 0.3 * _sides(direction[:, 0].T)[0]
    assert np.sqrt(left.variance(look, direction)[0, 0]) == pytest.approx(expected, rel=0.15)
    assert np.sqrt(out.variance(look, direction)[0, 0]) < 0.5 * expected


def test_the_doubt_covers_errors_that_photos_share():
    """Photos with gains of their own: coefficients of many such flights scatter as the covariance says."""
    flights = [measure_slant(_sightings(seed, 0.4, photo_sd=0.02)) for seed in range(20, 36)]
    east = np.array([flight.terms[5, 0] for flight in flights])
    stated = np.sqrt([flight.covariance[5, 0, 0] for flight in flights])
    assert np.sqrt(np.mean(east**2)) == pytest.approx(np.sqrt(np.mean(stated**2)), rel=0.5)


def test_places_that_hide_more_than_others_are_told_from_noise():
    assert np.median(measure_slant(_sightings(6, 0.4, scatter=0.15)).scatter) == pytest.approx(0.15, rel=0.2)
    assert np.median(measure_slant(_sightings(6, 0.4)).scatter) < 0.05


def test_beyond_the_steepest_view_nothing_more_is_made_of_it():
    found = measure_slant(_sightings(7, 0.6), correct=True)
    look, direction = _pixels(0.5, [found.steepest, 3.0])
    known, beyond = found.log_brightness(look, direction)[0]
    assert beyond == pytest.approx(known, rel=1e-5)


def test_a_mosaic_is_brought_to_the_view_from_above():
    repeated = measure_repeatability(_sightings(8, 0.8), correct=True)
    assert repeated is not None
    budget = BandBudget(band="nir", flight={}, photo={}, view=repeated, noise=np.array([np.nan]))
    green, direction = _pixels(0.5, [0.05, 0.2, 0.35])
    sight = Sight(
        source=np.zeros(green.shape, np.int64),
        direction=direction,
        look=GroundLook(roughness=np.full_like(green, 0.2), greenness=green),
    )
    seen = (0.3 * np.exp(0.4 * _sides(direction[:, 0].T)))[None].astype(np.float32)
    made = budget.from_above(seen, sight)
    assert_allclose(made, 0.3, rtol=0.01)
    assert (np.abs(made - 0.3) < 2 * budget.shared(made, sight)).all()
    off = replace(budget, view=replace(repeated, slant=replace(repeated.slant, corrected=False)))
    assert_allclose(off.from_above(seen, sight), seen)


def test_classes_hold_as_many_each_and_values_that_repeat_make_fewer():
    group, middles = graded(np.random.default_rng(9).uniform(0, 1, 1000))
    assert np.bincount(group).tolist() == [100] * 10
    assert_allclose(middles, np.arange(0.05, 1, 0.1), atol=0.03)
    group, middles = graded(np.zeros(50))
    assert len(middles) == 1
    assert set(group) == {0}
    pixels = np.array([[-0.5, 0.25, np.nan]], np.float32)
    assert_allclose(at_pixels(pixels, np.array([0.0, 0.5]), np.array([1.0, 3.0])), [[1.0, 2.0, 1.0]], atol=1e-4)


def test_greenness_is_of_patches_and_needs_half_of_them():
    bright, dark = np.full((9, 9), 0.4, np.float32), np.full((9, 9), 0.1, np.float32)
    bright[:, 6:] = np.nan
    found = greenness(bright, dark, 1)
    assert found[4, 4] == pytest.approx(0.6)
    assert np.isnan(found[4, 8])
