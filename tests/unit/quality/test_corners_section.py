"""Marked corners in the report: said, shown, and plots drawn where they were read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.plots.marked_ground import Ground
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import Product
from uav_workflow.plots.alignment import AlignmentSettings
from uav_workflow.plots.mark_fit import CornerMark
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.reading import PlotSettings
from uav_workflow.quality.corners_section import corners_section, plots_as_read
from uav_workflow.quality.methods import methods
from uav_workflow.quality.report import make_report
from uav_workflow.recipe import Acceptance

Make = Callable[..., Any]
EAST, NORTH = 0.04, -0.03


@pytest.fixture
def flight(square: Make, flown: Callable[..., Flight]) -> Flight:
    return flown([square(f"P{i}", 0.5 + 1.6 * i, 0.7, sigma_h_m=0.02) for i in range(3)])


@pytest.fixture
def read(flight: Flight, write_raster: Make, tmp_path: Path) -> Callable[..., dict[str, Product]]:
    """Products of a flight whose marks lie east and south of the survey, or that has none."""

    def make(mode: str, *, marked: bool = True) -> dict[str, Product]:
        ground = Ground(280, 120, 0.02)
        for i in range(3 * marked):
            for right, down in ((0, 0), (1, 0), (1, 1), (0, 1)):
                ground.mark("square", (0.5 + 1.6 * i + right + EAST, 0.7 + down - NORTH), 0.12)
        seen = ground.finish()
        mosaic = write_raster("mosaic.tif", seen, pixel_m=0.02)
        green = (seen["green"] > seen["red"]).astype(np.float32)
        cover = write_raster("cover.tif", {"fvc_green": green, "shadow": 0 * green}, pixel_m=0.02)
        out = tmp_path / mode
        out.mkdir()
        settings = AlignmentSettings(mode=mode, mark=CornerMark(size_m=0.12))  # type: ignore[arg-type]
        maps = Maps(rasters={"cover": cover}, mosaic=mosaic, error_m=0.03)
        told = make_plot_predictors(flight, maps, out, settings=PlotSettings(alignment=settings))
        manifest = {"facts": dict(told.facts), "files": {}}
        return {"plot_predictors": Product(kind="plot_predictors", fingerprint="f", path=out, manifest=manifest)}

    return make


def test_what_was_found_stands_in_words_with_its_picture(read: Callable[..., dict[str, Product]]) -> None:
    section = corners_section(read("report"))
    text = " ".join(section.statements)
    assert "stay where they were surveyed: the recipe asks for a report alone" in text
    assert "+4.0 ± 0.0 cm east, -3.0 ± 0.0 cm north" in text
    assert "on 12 corners; a pixel is 2.0 cm" in text
    assert "12 of 12 corners on the map show something like the mark, and 0 of 12 places between" in text
    assert f"would exchange {1 - 0.96 * 0.97:.1%} of a plot's ground" in text
    assert "fvc_green by 0." in text
    assert len(section.images) == 1
    assert section.images[0].startswith("data:image/png;base64,iVBOR")


def test_moved_plots_are_drawn_where_they_were_read(flight: Flight, read: Callable[..., dict[str, Product]]) -> None:
    made = read("apply")
    for old, new in zip(flight.plots, plots_as_read(flight.plots, made), strict=True):
        moved = np.array(new.geometry.centroid.coords[0]) - np.array(old.geometry.centroid.coords[0])
        assert moved == pytest.approx((EAST, NORTH), abs=0.002)
        assert new.crs == old.crs
    assert "The plots were moved" in corners_section(made).statements[0]
    said = {method.title: method.text for method in methods(made)}["Plots"]
    assert "left between marked corners and map" in said


def test_a_refusal_is_the_first_sentence(flight: Flight, read: Callable[..., dict[str, Product]]) -> None:
    made = read("apply", marked=False)
    assert plots_as_read(flight.plots, made) == flight.plots
    assert "surveyed: 0 of 12 corners show a mark, of at least 4 needed" in corners_section(made).statements[0]


def test_nobody_looked(flight: Flight, read: Callable[..., dict[str, Product]]) -> None:
    made = read("off")
    assert corners_section(made).statements == ()
    assert corners_section({}).images == ()
    assert plots_as_read(flight.plots, {}) == flight.plots


def test_the_page_has_the_section(flight: Flight, read: Callable[..., dict[str, Product]], tmp_path: Path) -> None:
    out = tmp_path / "page"
    out.mkdir()
    make_report(flight, findings=[], products=read("apply"), not_made={}, accept=Acceptance(), out=out)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<h2>Marked corners</h2>" in page
    assert 'alt="Marked corners of the plots" src="data:image/png;base64,' in page
