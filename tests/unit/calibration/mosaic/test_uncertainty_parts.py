"""Parts of the uncertainty of reflectance, each against numbers drawn with a known spread."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from calibration.mosaic.budget import BandBudget, Photos, Sight, budget_of, drift, sd_of_mean
from calibration.mosaic.ground_look import GroundLook, roughness
from calibration.mosaic.repeatability import Repeatability, measure_evened, measure_repeatability
from calibration.mosaic.sightings import Places, Sightings
from calibration.mosaic.slant import Slant
from calibration.panels.noise import noise_per_count

VISITS = ({"seconds": 100.0, "factor": 0.98}, {"seconds": 500.0, "factor": 1.02})


def test_drift_is_a_bridge_between_visits_and_a_walk_beyond():
    step = 0.04
    found = drift(np.array([100.0, 200.0, 300.0, 500.0, 900.0]), VISITS)
    assert_allclose(found, step * np.sqrt([0, 0.25 * 0.75, 0.25, 0, 1.0]))
    assert_allclose(drift(np.array([3.0]), VISITS[:1]), 0.0)


def test_drift_covers_random_walks_that_were_seen_at_their_ends():
    rng = np.random.default_rng(1)
    time = np.linspace(0, 1, 201)
    errors, stated = [], []
    for _ in range(400):
        walk = 1 + np.concatenate([[0], np.cumsum(rng.normal(0, 0.02 / np.sqrt(200), 200))])
        ends = [{"seconds": 0.0, "factor": walk[0]}, {"seconds": 1.0, "factor": walk[-1]}]
        errors.append(walk - np.interp(time, [0, 1], walk[[0, -1]]))
        stated.append(drift(time, ends))
    # one flight knows its pace from one step alone; over many flights the mean square is right
    assert np.mean(np.square(errors)) / np.mean(np.square(stated)) == pytest.approx(1.0, abs=0.15)


def _look(rough, green=0.5):
    """One pixel's look."""
    return GroundLook(roughness=np.full((1, 1), rough, np.float32), greenness=np.full((1, 1), green, np.float32))


def _flat_slant():
    """A slant that does nothing."""
    return Slant(
        greenness=np.array([0.5]),
        terms=np.zeros((1, 4)),
        covariance=np.zeros((1, 4, 4)),
        scatter=np.zeros(1),
        steepest=1.0,
    )


def _sightings(rng, *, steep, oblique, tilt, places=900, photos=6):
    """Views of places from directions within 0.3, with errors that grow with the distance of the directions."""
    place = np.repeat(np.arange(places), photos)
    direction = rng.uniform(-0.3, 0.3, (len(place), 2))
    # a field whose differences have the variance oblique² |d|²: a random plane a place
    plane = rng.normal(0, oblique, (places, 2))
    noise = rng.normal(0, steep, len(place))
    value = rng.normal(-2, 0.3, places)[place] + direction @ tilt + (plane[place] * direction).sum(1) + noise
    return Sightings(
        place=place,
        photo=np.tile(np.arange(photos), places),
        log_value=value,
        direction=direction,
        roughness=np.linspace(0.1, 0.4, places)[place],
        greenness=np.linspace(0.2, 0.8, places)[place],
    )


def test_repeatability_gives_back_what_views_were_drawn_with():
    rng = np.random.default_rng(2)
    found = measure_repeatability(_sightings(rng, steep=0.02, oblique=0.15, tilt=np.array([0.30, -0.10])))
    assert found is not None
    assert np.median(found.steep) == pytest.approx(0.02, rel=0.25)
    assert np.median(found.oblique) == pytest.approx(0.15, rel=0.15)
    assert_allclose(np.median(found.slant.terms, axis=0)[:2], (0.30, -0.10), atol=0.05)
    direction = np.full((2, 1, 1), 0.1, np.float32)
    variance = found.variance(_look(0.25), direction)
    assert np.sqrt(variance[0, 0]) == pytest.approx(np.sqrt(0.02**2 + 2 * (0.15 * 0.1) ** 2 + 0.02**2), rel=0.3)


def test_rough_places_get_their_own_figures():
    rng = np.random.default_rng(3)
    smooth = _sightings(rng, steep=0.01, oblique=0.02, tilt=np.zeros(2))
    rough = _sightings(rng, steep=0.01, oblique=0.25, tilt=np.zeros(2))
    both = Sightings(
        place=np.concatenate([smooth.place, rough.place + 900]),
        photo=np.concatenate([smooth.photo, rough.photo]),
        log_value=np.concatenate([smooth.log_value, rough.log_value]),
        direction=np.concatenate([smooth.direction, rough.direction]),
        roughness=np.concatenate([smooth.roughness, rough.roughness + 0.4]),
        greenness=np.concatenate([smooth.greenness, rough.greenness]),
    )
    found = measure_repeatability(both)
    assert found is not None
    assert found.oblique[:4].max() < 0.06
    assert found.oblique[-4:].min() > 0.18
    assert (np.diff(found.roughness) > 0).all()


def _places(seen, value):
    flat = np.full(len(value), 0.25)
    return Places(points=np.zeros((len(value), 1, 3)), roughness=flat, greenness=2 * flat, log_value=value)


def test_exposures_nobody_knows_are_taken_out_and_steps_of_the_mosaic_seen():
    """A mosaic of six photos, each left 3 % off or so, of photos with any exposure."""
    rng = np.random.default_rng(4)
    plain = _sightings(rng, steep=0.01, oblique=0.0, tilt=np.zeros(2))
    truth = np.array([plain.log_value[plain.place == place].mean() for place in range(900)])
    shifted = replace(plain, log_value=plain.log_value + rng.normal(0, 0.5, 6)[plain.photo])
    left = np.array([-0.05, -0.03, -0.01, 0.01, 0.03, 0.05])
    found = measure_evened(shifted, _places(plain, truth + 1.3 + left[np.arange(900) % 6]))
    assert found is not None
    assert np.median(found.steep) == pytest.approx(0.01, rel=0.25)
    assert found.evening == pytest.approx(left.std(), rel=0.35)
    even = measure_evened(shifted, _places(plain, truth + 1.3))
    assert even is not None
    assert even.evening < 0.006
    assert np.sqrt(found.variance(_look(0.0), np.zeros((2, 1, 1), np.float32))[0, 0]) > found.evening


def test_a_few_pairs_tell_nothing():
    rng = np.random.default_rng(5)
    assert measure_repeatability(_sightings(rng, steep=0.1, oblique=0.1, tilt=np.zeros(2), places=20)) is None


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_noise_is_read_off_an_even_panel(gain):
    """Photon noise of a known number of electrons a count, on a panel with a gradient and dust."""
    rng = np.random.default_rng(6)
    level = np.tile(np.linspace(9000, 11000, 80), (60, 1))
    dn = level + rng.normal(0, np.sqrt(gain * level))
    dn[30, 40:44] = 3000
    found = noise_per_count((dn + 4800).astype(np.uint16), [(5, 5), (74, 5), (74, 54), (5, 54)], 4800.0)
    assert found == pytest.approx(gain, rel=0.1)


def test_roughness_is_the_spread_of_logarithms():
    rng = np.random.default_rng(7)
    values = np.exp(rng.normal(-2, 0.25, (60, 60))).astype(np.float32)
    values[:8] = np.nan
    found = roughness(values, 5)
    assert found[20:, 6:-6].mean() == pytest.approx(0.25, rel=0.05)
    assert np.isnan(found[0]).all()
    assert_allclose(found[20:40, 20:40], roughness((7 * values).astype(np.float32), 5)[20:40, 20:40], rtol=1e-3)


def _budget(flight, **more):
    return BandBudget(band="red", flight=flight, photo={}, view=None, noise=np.array([np.nan, 1e-4]), **more)


def _sight(shape):
    return Sight(
        source=np.ones(shape, np.int64),
        direction=np.zeros((2, *shape), np.float32),
        look=GroundLook(roughness=np.zeros(shape, np.float32), greenness=np.zeros(shape, np.float32)),
    )


def test_the_mean_of_a_plot_keeps_what_its_pixels_share():
    """Monte Carlo: the error of the mean of 400 pixels with a common gain and noise of their own."""
    rng = np.random.default_rng(8)
    value = rng.uniform(0.05, 0.3, (20, 20)).astype(np.float32)
    budget = _budget({"panel": 0.03, "region": 0.04})
    shared, pixel = budget.shared(value, _sight(value.shape)), budget.pixel(value, np.ones(value.shape, np.int64))
    assert_allclose(shared, 0.05 * value, rtol=1e-5)
    assert_allclose(pixel, np.sqrt(1e-4 * value), rtol=1e-5)
    errors = [
        (value * (1 + rng.normal(0, 0.05)) + rng.normal(0, np.sqrt(1e-4 * value))).mean() - value.mean()
        for _ in range(4000)
    ]
    assert sd_of_mean(shared, pixel) == pytest.approx(np.std(errors), rel=0.05)
    inside = np.abs(errors) <= 1.645 * sd_of_mean(shared, pixel)
    assert inside.mean() == pytest.approx(0.90, abs=0.02)


def test_a_budget_is_put_together_from_the_calibration():
    calibrated = {
        "band": "Red",
        "sun_sensor": "as read",
        "visits": VISITS,
        "relative_uncertainty": {"panel": 0.02, "region": 0.003, "drift": 0.01, "sun_sensor": 0.03, "combined": 0.04},
    }
    photos = Photos(
        facts=(
            {"seconds": 300.0, "gain": 2.0, "reflectance_per_count": 1e-5},
            {"seconds": 100.0, "gain": 1.0, "reflectance_per_count": 2e-5},
            {},
        )
    )
    alone = budget_of("red", calibrated, photos, noise_per_count=4.0, repeated=None, line=None)
    assert alone.flight == {"panel": 0.02, "region": 0.003}
    assert_allclose(alone.photo["sun_sensor"], 0.03)
    assert_allclose(alone.photo["drift"][1:3], (0.02, 0.0), atol=1e-9)
    assert_allclose(alone.noise[1:3], 8e-5)
    assert np.isnan(alone.noise[3])
    seen = Repeatability(
        roughness=np.array([0.1]),
        slant=_flat_slant(),
        steep=np.array([0.04]),
        oblique=np.array([0.0]),
        photos=4,
        pairs=900,
    )
    compared = budget_of("red", calibrated, photos, noise_per_count=4.0, repeated=seen, line=None)
    assert "sun_sensor" not in compared.photo  # it shows in what photos disagree by
    shared = compared.shared(np.full((1, 1), 0.2, np.float32), _sight((1, 1)))
    assert shared[0, 0] == pytest.approx(0.2 * np.sqrt(0.02**2 + 0.003**2 + 0.04**2 + 0.02**2), rel=1e-4)
    steady = budget_of(
        "red", {**calibrated, "sun_sensor": "steady sky"}, photos, noise_per_count=4.0, repeated=None, line=None
    )
    assert steady.flight["sun_sensor"] == 0.03
