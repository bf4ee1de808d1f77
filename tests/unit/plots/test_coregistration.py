"""Marks on plot corners: found to a fifth of a pixel, left out or refused where they do not say how the block lies."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shapely.affinity import rotate
from shapely.geometry import box

from tests.unit.plots.marked_ground import CORNER, CRS, Ground
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.ground import Plot
from uav_workflow.plots.alignment import Alignment, AlignmentSettings, align
from uav_workflow.plots.coregistration import Coregistration, coregister
from uav_workflow.plots.extraction import in_crs
from uav_workflow.plots.mark_fit import CornerMark
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.reading import PlotSettings

PIXEL = 0.02
SIDE = 1.0
MARK = CornerMark(shape="square", colour="white", size_m=0.12)
PLACES = [(1.03, 1.11), (3.57, 1.24), (6.02, 3.31), (2.21, 4.07)]
Writer = Callable[..., Path]


def surveyed(places: Sequence[tuple[float, float]] = PLACES, sigma: float = 0.02, turn: float = 0.0) -> list[Plot]:
    """Plots of a metre, their upper left corner right and down from the mosaic's."""
    plots = []
    for i, (right, down) in enumerate(places):
        x, y = CORNER[0] + right, CORNER[1] - down
        shape = rotate(box(x, y - SIDE, x + SIDE, y), turn, origin="centroid")
        plots.append(Plot(plot_id=f"P{i + 1}", geometry=shape, crs=CRS, sigma_h_m=sigma))
    return plots


def corners(plot: Plot) -> list[tuple[float, float]]:
    """Right and down from the mosaic's corner."""
    return [(x - CORNER[0], CORNER[1] - y) for x, y in plot.geometry.exterior.coords[:-1]]


def painted(
    plots: Sequence[Plot],
    shift: tuple[float, float],
    mark: CornerMark = MARK,
    *,
    seed: int = 0,
    scatter: float = 0.0,
    keep: Callable[[int], bool] = lambda _: True,
) -> Ground:
    """Ground whose marks lie east and north of where the plots were surveyed."""
    ground, number = Ground(420, 320, PIXEL, seed), 0
    draw = np.random.default_rng((seed, 9))
    for plot in plots:
        places = corners(plot)
        for i, (right, down) in enumerate(places):
            # an angle opens towards both neighbours
            ahead, back = places[(i + 1) % 4], places[i - 1]
            towards = [math.degrees(math.atan2(p[1] - down, p[0] - right)) for p in (ahead, back)]
            first = towards[0] if (towards[1] - towards[0]) % 360 < 180 else towards[1]
            if keep(number):
                off = scatter * draw.standard_normal(2)
                at = (right + shift[0] + off[0], down - shift[1] + off[1])
                ground.mark(mark.shape, at, mark.size_m, colour=mark.colour, turn_deg=first)
            number += 1
    return ground


def looked(write: Writer, plots: Sequence[Plot], ground: Ground, mark: CornerMark = MARK) -> Coregistration:
    mosaic = write("mosaic.tif", ground.finish(), pixel_m=PIXEL)
    return coregister(plots, in_crs(plots, CRS), mosaic, mark, 0.03)


@pytest.mark.parametrize(
    ("mark", "turn"),
    [
        (CornerMark(shape="square", colour="white", size_m=0.12), 0.0),
        (CornerMark(shape="square", colour="red", size_m=0.10), 23.0),
        (CornerMark(shape="disc", colour="yellow", size_m=0.10), 0.0),
        (CornerMark(shape="angle", colour="white", size_m=0.20), 11.0),
        (CornerMark(shape="chequer", colour="white", size_m=0.16), 0.0),
    ],
)
@pytest.mark.parametrize("shift", [(0.013, -0.027), (-0.0455, 0.0171)])
def test_a_shift_of_a_fraction_of_a_pixel_is_found(
    write_raster: Writer, mark: CornerMark, turn: float, shift: tuple[float, float]
) -> None:
    east, north = shift
    plots = surveyed(turn=turn)
    found = looked(write_raster, plots, painted(plots, shift, mark), mark)
    assert found.refusal == ""
    assert found.shift is not None
    assert len(found.shift.used) == 16
    assert math.hypot(found.shift.east - east, found.shift.north - north) < 0.1 * PIXEL
    for corner, sighting in found.shift.used:
        one = found.searches[corner].sightings[sighting]
        assert math.hypot(one[0] - east, one[1] - north) < 0.2 * PIXEL
    assert found.shift.rms_m < 0.2 * PIXEL


def test_survey_errors_of_corners_average_out_and_are_stated(write_raster: Writer) -> None:
    plots = surveyed()
    found = looked(write_raster, plots, painted(plots, (0.04, 0.03), scatter=0.012, seed=3))
    shift = found.shift
    assert shift is not None
    assert found.refusal == ""
    assert shift.rms_m == pytest.approx(0.012 * math.sqrt(2), rel=0.3)
    assert shift.east_se == pytest.approx(0.012 / 4, rel=0.5)
    assert abs(shift.east - 0.04) < 3 * shift.east_se
    assert abs(shift.north - 0.03) < 3 * shift.north_se


def test_a_wrong_mark_is_left_out_and_named(write_raster: Writer) -> None:
    """One board lies 7 cm off, kicked by a cow; another is gone."""
    plots = surveyed()
    ground = painted(plots, (0.02, 0.01), keep=lambda i: i not in (5, 9))
    right, down = corners(plots[1])[1]
    ground.mark("square", (right + 0.02 - 0.07, down - 0.01 - 0.01), 0.12)
    found = looked(write_raster, plots, ground)
    assert found.shift is not None
    assert len(found.shift.used) == 14
    assert found.to_json()["left_out"] == ["P2:2"]
    assert found.seen == 15
    assert math.hypot(found.shift.east - 0.02, found.shift.north - 0.01) < 0.1 * PIXEL


def test_stones_among_the_marks_do_not_move_it(write_raster: Writer) -> None:
    plots = surveyed()
    ground = painted(plots, (-0.03, 0.02))
    draw = np.random.default_rng(4)
    for plot in plots:
        for right, down in corners(plot)[::2]:
            ground.stone((right + 0.08, down + 0.09), draw.uniform(0.03, 0.06, 2), draw.uniform(0, 180))
    found = looked(write_raster, plots, ground)
    assert found.refusal == ""
    assert found.shift is not None
    assert math.hypot(found.shift.east + 0.03, found.shift.north - 0.02) < 0.2 * PIXEL


@pytest.mark.parametrize("seed", range(3))
def test_no_marks_are_refused(write_raster: Writer, seed: int) -> None:
    """Bare ground, and then stones strewn over all of it."""
    plots = surveyed()
    ground = Ground(420, 320, PIXEL, seed)
    bare = looked(write_raster, plots, ground)
    assert bare.shift is None
    assert "of 16 corners show a mark, of at least 4 needed" in bare.refusal
    draw = np.random.default_rng(seed)
    for _ in range(500):
        ground.stone(tuple(draw.uniform([0, 0], [8.4, 6.4])), draw.uniform(0.04, 0.07, 2), draw.uniform(0, 180))
    strewn = looked(write_raster, plots, ground)
    assert strewn.shift is None
    assert strewn.refusal


def test_boards_everywhere_are_no_marks(write_raster: Writer) -> None:
    """The middles of the edges carry the same boards: nothing says which belong to corners."""
    plots = surveyed()
    ground = painted(plots, (0.02, 0.02))
    for plot in plots:
        places = corners(plot)
        for (x0, y0), (x1, y1) in zip(places, places[1:] + places[:1], strict=True):
            ground.mark("square", ((x0 + x1) / 2, (y0 + y1) / 2), 0.12)
    found = looked(write_raster, plots, ground)
    assert found.shift is None
    assert "so do 16 of 16 places between them" in found.refusal


def test_three_corners_are_too_few(write_raster: Writer) -> None:
    plots = surveyed()
    found = looked(write_raster, plots, painted(plots, (0.02, 0.02), keep=lambda i: i < 3))
    assert found.shift is None
    assert found.refusal == "3 of 16 corners show a mark, of at least 4 needed"


def test_corners_that_disagree_are_refused(write_raster: Writer) -> None:
    """Every board was laid somewhere within a decimetre of its corner, while the survey says two centimetres."""
    plots = surveyed(sigma=0.005)
    ground, draw = Ground(420, 320, PIXEL), np.random.default_rng(6)
    for plot in plots:
        for right, down in corners(plot):
            away, angle = draw.uniform(0.02, 0.07), draw.uniform(0, 2 * math.pi)
            ground.mark("square", (right + away * math.cos(angle), down + away * math.sin(angle)), 0.12)
    found = looked(write_raster, plots, ground)
    assert found.shift is None
    assert "agree on one shift" in found.refusal


def test_two_marks_at_every_corner_are_ambiguous(write_raster: Writer) -> None:
    """A board on the corner and one that was forgotten there last year, all on one side."""
    plots, mark = surveyed(sigma=0.02), CornerMark(shape="square", size_m=0.08)
    ground = painted(plots, (0.0, 0.07), mark)
    for plot in plots:
        for right, down in corners(plot):
            ground.mark("square", (right, down + 0.07), 0.08)
    mosaic = write_raster("mosaic.tif", ground.finish(), pixel_m=PIXEL)
    found = coregister(plots, in_crs(plots, CRS), mosaic, mark, 0.04)
    assert found.shift is None
    assert "ambiguous" in found.refusal


def test_a_turned_block_is_not_mended_by_a_shift(write_raster: Writer) -> None:
    plots = surveyed()
    ground, degrees = Ground(420, 320, PIXEL), 0.8
    middle = np.mean([place for plot in plots for place in corners(plot)], axis=0)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for plot in plots:
        for right, down in corners(plot):
            x, y = right - middle[0], down - middle[1]
            at = (middle[0] + x * cos + y * sin + 0.02, middle[1] + y * cos - x * sin)
            ground.mark("square", at, 0.12)
    found = looked(write_raster, plots, ground)
    assert found.shift is not None
    assert found.shift.turn is not None
    assert found.shift.turn.degrees == pytest.approx(degrees, abs=0.05)
    assert "turned by" in found.refusal
    assert found.moved(plots, in_crs(plots, CRS), CRS) == tuple(plots)


def test_no_shift_is_not_called_one(write_raster: Writer) -> None:
    plots = surveyed()
    found = looked(write_raster, plots, painted(plots, (0.0, 0.0), scatter=0.01, seed=1))
    assert found.shift is not None
    assert found.refusal == "the shift is no more than its own error"


@pytest.mark.parametrize(
    ("mark", "bands", "said"),
    [
        (CornerMark(size_m=0.05), ("red", "green", "blue"), "too small for pixels of 2.0 cm: at least 6 cm"),
        (CornerMark(shape="angle", size_m=0.12), ("red", "green", "blue"), "at least 15 cm"),
        (CornerMark(colour="red", size_m=0.12), ("green", "red", "nir"), "no bands to see red by (it has red, green)"),
        (CornerMark(size_m=0.12), ("nir",), "none of red, green, blue"),
    ],
)
def test_marks_the_mosaic_cannot_show(
    write_raster: Writer, mark: CornerMark, bands: tuple[str, ...], said: str
) -> None:
    mosaic = write_raster("mosaic.tif", {band: np.full((320, 420), 0.1) for band in bands}, pixel_m=PIXEL)
    plots = surveyed()
    found = coregister(plots, in_crs(plots, CRS), mosaic, mark, None)
    assert said in found.refusal


def aligned(write: Writer, flight: Flight, ground: Ground, mode: str, out: Path) -> Alignment:
    mosaic = write("mosaic.tif", ground.finish(), pixel_m=PIXEL)
    settings = AlignmentSettings(mode=mode, mark=MARK)  # type: ignore[arg-type]
    return align(flight, mosaic, CRS, None, out, settings=settings)


@pytest.mark.parametrize("mode", ["off", "report", "apply"])
def test_plots_move_only_when_asked(
    write_raster: Writer, flown: Callable[..., Flight], tmp_path: Path, mode: str
) -> None:
    flight = flown(surveyed())
    out = tmp_path / "out"
    out.mkdir()
    one = aligned(write_raster, flight, painted(flight.plots, (0.03, -0.02)), mode, out)
    moved = np.array(one.outlines[0].centroid.coords[0]) - np.array(flight.plots[0].geometry.centroid.coords[0])
    expected = (0.03, -0.02) if mode == "apply" else (0, 0)
    assert moved == pytest.approx(expected, abs=0.2 * PIXEL)
    assert one.error_m == (pytest.approx(0.0, abs=0.2 * PIXEL) if mode == "apply" else None)
    assert one.facts["mode"] == mode
    assert sorted(path.name for path in out.iterdir()) == (
        [] if mode == "off" else ["coregistration.csv", "coregistration_1.png"]
    )
    codes = [finding.code for finding in one.findings]
    assert codes == {"off": [], "report": ["plot-coregistration"], "apply": ["plots-moved"]}[mode]
    if mode != "off":
        assert one.facts["n"] == 16
        assert one.facts["shift_x"] == pytest.approx(0.03, abs=0.1 * PIXEL)
        assert one.facts["shift_y"] == pytest.approx(-0.02, abs=0.1 * PIXEL)
        changes = one.facts["changes"]
        assert isinstance(changes, dict)
        assert changes["ground_exchanged_mean"] == pytest.approx(1 - 0.97 * 0.98, abs=0.005)


def test_every_corner_has_its_row(write_raster: Writer, flown: Callable[..., Flight], tmp_path: Path) -> None:
    flight = flown(surveyed())
    aligned(write_raster, flight, painted(flight.plots, (0.02, 0.01), keep=lambda i: i != 6), "report", tmp_path)
    with (tmp_path / "coregistration.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 16
    assert [row["reason"] for row in rows].count("no mark") == 1
    for row in rows:
        if row["used"] == "1":
            assert float(row["found_x"]) - float(row["x"]) == pytest.approx(0.02, abs=0.2 * PIXEL)
            assert float(row["found_y"]) - float(row["y"]) == pytest.approx(0.01, abs=0.2 * PIXEL)


def test_a_refusal_is_a_warning_with_its_reason(
    write_raster: Writer, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    flight = flown(surveyed())
    one = aligned(write_raster, flight, Ground(420, 320, PIXEL), "apply", tmp_path)
    assert one.facts["applied"] is False
    assert one.flight is flight
    (finding,) = one.findings
    assert (finding.level, finding.code) == ("warning", "plot-coregistration-refused")
    assert "looked for within 25 cm (taken: 10 cm for the map's own error, which is not known)" in finding.hint
    unsure = flown([replace(plot, sigma_h_m=None) for plot in flight.plots])
    (finding,) = aligned(write_raster, unsure, Ground(420, 320, PIXEL), "apply", tmp_path).findings
    assert "what is usual for their fix for 4 plots that state no position error" in finding.hint


def test_values_are_those_of_the_ground_the_plots_lie_on(
    write_raster: Writer, flown: Callable[..., Flight], tmp_path: Path
) -> None:
    """A map with one high strip a plot east of where the survey says: only the moved plots see all of it."""
    import geopandas as gpd

    flight = flown(surveyed([(1.0, 1.0), (4.0, 1.0), (1.0, 4.0)]))
    mosaic = write_raster("mosaic.tif", painted(flight.plots, (0.06, 0.0)).finish(), pixel_m=PIXEL)
    columns = (np.arange(420) + 0.5) * PIXEL
    height = np.broadcast_to(np.where(np.abs((columns - 1.06) % 3) < 1.0, 0.3, 0.0), (320, 420))
    heights = write_raster("canopy_height.tif", {"canopy_height": height}, pixel_m=PIXEL)
    means = []
    for mode in ("report", "apply"):
        out = tmp_path / mode
        out.mkdir()
        settings = PlotSettings(alignment=AlignmentSettings(mode=mode, mark=MARK))  # type: ignore[arg-type]
        made = make_plot_predictors(
            flight, Maps(rasters={"canopy_height": heights}, mosaic=mosaic, error_m=0.02), out, settings=settings
        )
        table = gpd.read_parquet(out / "plot_predictors.parquet")
        means.append(table.loc[table["variable"] == "height_mean", "value"].to_numpy())
        facts = made.facts["coregistration"]
        assert isinstance(facts, dict)
        assert facts["applied"] is (mode == "apply")
    assert means[0] == pytest.approx(0.3 * 0.94, abs=0.003)
    assert means[1] == pytest.approx(0.3, abs=0.003)
