"""Pictures of plots: the right ground, at one scale, with colours that mean the same everywhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shapely.affinity import rotate
from shapely.geometry import Polygon

from uav_workflow.domain.ground import Plot
from uav_workflow.quality.chips import AROUND, draw_chips
from uav_workflow.quality.maps import MapStyle

Make = Callable[..., Any]
RGB = MapStyle(title="Orthomosaic", band=None)
HEIGHT = MapStyle(title="Height", band="canopy_height", unit="m", colours="gray", limits=(0.0, 1.0))


def pixels(uri: str) -> np.ndarray:
    head, data = uri.split(",", 1)
    assert head == "data:image/jpeg;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)


@pytest.fixture
def mosaic(write_raster: Make) -> Path:
    """10 x 10 m at 5 cm: grey, with a blue square of 1 m at (2, 2) and a yellow one beside it, east of it."""
    bands = {name: np.full((200, 200), 120.0) for name in ("red", "green", "blue")}
    bands["red"][40:60, 40:60], bands["green"][40:60, 40:60], bands["blue"][40:60, 40:60] = 20, 20, 220
    bands["red"][40:60, 60:70], bands["green"][40:60, 60:70], bands["blue"][40:60, 60:70] = 220, 220, 20
    bands["red"][:, 150:] = np.nan
    return Path(write_raster("orthomosaic.tif", bands, pixel_m=0.05))


def test_a_picture_shows_the_plot_upright_with_its_outline(mosaic: Path, square: Make) -> None:
    chips = draw_chips([square("A", 2, 2)], [(mosaic, RGB)])
    image = pixels(chips.images["A"])
    side = image.shape[0]
    assert chips.across_m["A"] == pytest.approx(AROUND)
    edge = (AROUND - 1) / 2 / AROUND * side
    middle = image[round(edge) + 6 : round(side - edge) - 6, round(edge) + 6 : round(side - edge) - 6]
    np.testing.assert_allclose(middle.mean(axis=(0, 1)), (20, 20, 220), atol=12)
    # yellow lies right of the plot, grey on the other three sides
    row = side // 2
    np.testing.assert_allclose(image[row, side - 8], (220, 220, 20), atol=25)
    np.testing.assert_allclose(image[row, 6], (120, 120, 120), atol=25)
    np.testing.assert_allclose(image[8, row], (120, 120, 120), atol=25)
    red = (image[..., 0] > 150) & (image[..., 1] < 110) & (image[..., 2] < 110)
    found = np.argwhere(red)
    assert found.min(axis=0) == pytest.approx((edge, edge), abs=3)
    assert found.max(axis=0) == pytest.approx((side - edge, side - edge), abs=3)


def test_all_pictures_have_one_scale_but_those_of_much_larger_plots(mosaic: Path, square: Make) -> None:
    plots = [square("A", 2, 2), square("B", 4, 4, side=0.5), square("field", 1, 1, side=6.0)]
    turned = Plot(plot_id="C", geometry=rotate(square("C", 5, 5).geometry, 45), crs="EPSG:32647")
    chips = draw_chips([*plots, turned], [(mosaic, RGB)])
    assert chips.across_m["A"] == chips.across_m["B"] == chips.across_m["C"] == chips.common_m
    assert chips.common_m == pytest.approx(AROUND * np.sqrt(2))
    assert chips.across_m["field"] == pytest.approx(AROUND * 6)
    assert {pixels(image).shape for image in chips.images.values()} == {pixels(chips.images["A"]).shape}


def test_colours_mean_the_same_in_every_picture_and_nothing_is_grey(
    mosaic: Path, square: Make, write_raster: Make
) -> None:
    height = np.full((200, 200), 0.25)
    height[:, 100:] = 0.75
    height[:, 160:] = np.nan
    path = write_raster("canopy_height.tif", {"canopy_height": height}, pixel_m=0.05)
    chips = draw_chips(
        [square("low", 2, 6), square("tall", 6, 6), square("hole", 8.9, 6), square("away", 90, 90)],
        [(mosaic, RGB), (path, HEIGHT)],
    )
    side = pixels(chips.images["low"]).shape[0]
    centre = {name: pixels(uri)[side // 2, -side // 2] for name, uri in chips.images.items()}
    np.testing.assert_allclose(centre["low"], 255 * 0.25, atol=6)
    np.testing.assert_allclose(centre["tall"], 255 * 0.75, atol=6)
    np.testing.assert_allclose(centre["hole"], 224, atol=6)
    np.testing.assert_allclose(centre["away"], 224, atol=6)
    first, second = chips.scales
    assert (first.image, second.title, second.low, second.high) == ("", "Height", "0.0 m", "1.0 m")
    assert second.image.startswith("data:image/png;base64,")


def test_a_plot_without_a_place_has_an_empty_picture(mosaic: Path, square: Make) -> None:
    lost = Plot(plot_id="lost", geometry=Polygon(), crs="EPSG:32647")
    chips = draw_chips([square("A", 2, 2), lost], [(mosaic, RGB)])
    image = pixels(chips.images["lost"])
    # but for the bar
    np.testing.assert_allclose(image[:-12], 224, atol=3)
    assert draw_chips([], [(mosaic, RGB)]).images == {}


def test_a_page_of_many_plots_stays_light(mosaic: Path, square: Make) -> None:
    plots = [square(f"P{i}", 0.3 * (i % 20), 0.3 * (i // 20)) for i in range(250)]
    chips = draw_chips(plots, [(mosaic, RGB)])
    assert sum(map(len, chips.images.values())) < 2_000_000


def test_reflectance_is_stretched_over_the_whole_flight(square: Make, write_raster: Make) -> None:
    """Dark in one picture is dark in all; red is the band of that name, wherever it stands in the file."""
    bands = {name: np.full((100, 100), 0.05) for name in ("blue", "green", "red", "nir")}
    bands["red"][:, 50:] = 0.25
    path = write_raster("orthomosaic.tif", bands)
    chips = draw_chips([square("dark", 1, 4), square("red", 7, 4)], [(path, RGB)])
    side = pixels(chips.images["red"]).shape[0]
    centre = {name: pixels(uri)[side // 2, side // 2] for name, uri in chips.images.items()}
    np.testing.assert_allclose(centre["red"], (255, 0, 0), atol=20)
    np.testing.assert_allclose(centre["dark"], (0, 0, 0), atol=20)
