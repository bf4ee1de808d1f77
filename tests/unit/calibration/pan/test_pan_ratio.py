"""Sharpening by ratios: means that stay, detail that comes back, and the pixels nobody measured."""

import numpy as np
import pytest
from scipy import ndimage

from calibration.pan.ratio import Footprint, detail_error, sharpen

SPECTRA = {"soil": (0.10, 0.13, 0.17, 0.21, 0.25), "leaf": (0.035, 0.09, 0.045, 0.20, 0.42)}
WEIGHTS = np.array([0.25, 0.30, 0.25, 0.12, 0.08])
"""Of blue, green, red, red edge and near infrared in the panchromatic band."""


def _area_mean(fine, factor):
    """Mean over blocks of whole pixels."""
    rows, columns = fine.shape[0] // factor, fine.shape[1] // factor
    return fine[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean(axis=(1, 3))


def _scene(seed=4, side=240):
    """Leaves on soil, lit unevenly: bands (5, side, side) and the panchromatic band."""
    rng = np.random.default_rng(seed)
    leaf = (ndimage.gaussian_filter(rng.normal(size=(side, side)), 2.5) > 0.02).astype(float)
    light = 1 + 0.25 * ndimage.gaussian_filter(rng.normal(size=(side, side)), 3) / 0.1
    light = np.clip(light, 0.4, 1.6)
    bands = np.array([light * (leaf * b + (1 - leaf) * a) for a, b in zip(*SPECTRA.values(), strict=True)])
    return bands, np.tensordot(WEIGHTS, bands, 1)


def _footprint(rows, columns, ratio, *, shift=(0.0, 0.0)):
    y, x = (np.mgrid[:rows, :columns] + 0.5) / ratio
    shape = (round(rows / ratio), round(columns / ratio))
    return Footprint(
        x=(x + shift[0]).astype(np.float32), y=(y + shift[1]).astype(np.float32), side=1 / ratio, shape=shape
    )


def _pair(ratio_of):
    """Bands and panchromatic band of one scene: coarse pixels of `ratio_of` fine ones of two scene pixels."""
    bands, wide = _scene()
    fine, pan = np.array([_area_mean(b, 2) for b in bands]), _area_mean(wide, 2)
    coarse = np.array([_area_mean(b, 2 * ratio_of) for b in bands])
    return fine.astype(np.float32), pan.astype(np.float32), coarse.astype(np.float32)


def test_a_fine_pixel_lies_in_the_coarse_ones_by_its_area():
    """Three fine pixels on two coarse ones: the middle one counts half in each."""
    place = Footprint(
        x=np.array([[1 / 3, 1.0, 5 / 3]], np.float32), y=np.full((1, 3), 1 / 3, np.float32), side=2 / 3, shape=(1, 2)
    )
    means, _ = place.means(np.array([[3.0, 6.0, 12.0]], np.float32))
    assert means[0] == pytest.approx([(3 + 6 / 2) / 1.5, (12 + 6 / 2) / 1.5])


@pytest.mark.parametrize(("ratio", "shift"), [(2, (0.0, 0.0)), (2, (0.23, -0.4)), (1.69, (0.1, 0.2)), (3, (0, 0.5))])
def test_the_mean_over_every_pixel_of_the_band_stays(ratio, shift):
    rng = np.random.default_rng(2)
    pan = rng.uniform(0.15, 0.45, (120, 150)).astype(np.float32)
    place = _footprint(120, 150, ratio, shift=shift)
    band = rng.uniform(0.2, 0.4, place.shape).astype(np.float32)
    made = sharpen(band, pan, place)
    again, whole = place.means(made.values)
    assert whole.mean() > 0.9
    inner = (slice(2, -2), slice(2, -2))
    assert again[inner] == pytest.approx(band[inner], rel=2e-4)
    assert made.departure < 1e-4
    # its block means stay too, whatever the block
    assert again[10:30, 10:30].mean() == pytest.approx(band[10:30, 10:30].mean(), rel=1e-4)


def test_detail_comes_back_in_every_band():
    """Half the error of an enlarged band or less in the visible; less where plants and soil are alike."""
    fine, pan, coarse = _pair(2)
    place = _footprint(*pan.shape, 2)
    inner = (slice(4, -4), slice(4, -4))
    gains = []
    for truth, band in zip(fine, coarse, strict=True):
        errors = [
            np.sqrt(np.mean((made[inner] - truth[inner]) ** 2))
            for made in (sharpen(band, pan, place).values, place.enlarged(band))
        ]
        gains.append(errors[0] / errors[1])
    assert max(gains[:3]) < 0.5
    assert max(gains) < 0.95


def test_whether_detail_helps_is_told_twice_as_coarse():
    _, pan, coarse = _pair(2)
    level, _ = _footprint(*pan.shape, 2).means(pan)
    assert detail_error(coarse[1], level) < 0.3
    assert detail_error(np.full_like(coarse[1], np.nan), level) == 1
    rng = np.random.default_rng(5)
    assert detail_error(rng.uniform(0.2, 0.4, (60, 60)).astype(np.float32), level) > 0.9


def test_a_panchromatic_band_without_detail_does_no_harm():
    fine, _, coarse = _pair(3)
    place = _footprint(*fine.shape[1:], 3)
    made = sharpen(coarse[1], np.full(fine.shape[1:], 0.2, np.float32), place)
    inner = (slice(6, -6), slice(6, -6))
    errors = [np.std(values[inner] - fine[1][inner]) for values in (made.values, place.enlarged(coarse[1]))]
    assert errors[0] < errors[1]


def test_what_nobody_measured_stays_empty():
    _, pan, coarse = _pair(2)
    pan[40, 40] = np.nan
    coarse[0][10, 10] = np.nan
    made = sharpen(coarse[0], pan, _footprint(*pan.shape, 2)).values
    assert np.isnan(made[40, 40])
    assert np.isnan(made[20:22, 20:22]).all()
    assert np.isfinite(made[60:, 60:-1][:-1]).all()
    assert (made[np.isfinite(made)] >= 0).all()


def test_a_coarser_panchromatic_band_is_refused():
    with pytest.raises(ValueError, match="not finer"):
        _footprint(20, 20, 0.8)
    with pytest.raises(ValueError, match="are not"):
        sharpen(np.ones((3, 3), np.float32), np.ones((20, 20), np.float32), _footprint(20, 20, 2))
