"""Real plots of Orca (Qikiqtaruk, Cunliffe et al. 2020) against the published heights and model."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import Polygon

from uav_workflow.domain.flight import Flight
from uav_workflow.domain.grid import Grid
from uav_workflow.domain.ground import GroundObservation, Plot
from uav_workflow.plots.extraction import zonal
from uav_workflow.plots.matching import make_match
from uav_workflow.plots.predictors import Maps, make_plot_predictors
from uav_workflow.plots.table import make_plots
from uav_workflow.rasters.reader import Raster
from uav_workflow.rasters.writer import cog
from uav_workflow.statistics.agreement import Agreement, r2_centred, rmse
from uav_workflow.statistics.folds import single_cases
from uav_workflow.statistics.intervals import interval_coverage
from uav_workflow.statistics.regression import ordinary, through_zero
from uav_workflow.vegetation.biomass import BiomassSettings, make_biomass
from uav_workflow.vegetation.biomass_forms import Sample, TermForm
from uav_workflow.vegetation.biomass_ladder import LADDER, cross_validate, fit_ladder

pytestmark = pytest.mark.shared

FRAME_M2 = 0.25
CRS = "EPSG:32607"


def footprint(row: dict[str, str]) -> Polygon:
    return Polygon([(float(row[f"Corner{i}_X"]), float(row[f"Corner{i}_Y"])) for i in (1, 2, 3, 4)])


@pytest.fixture(scope="module")
def orca(shared_data: Path) -> Path:
    return shared_data / "orca_plots"


@pytest.fixture(scope="module")
def published(orca: Path) -> dict[str, dict[str, str]]:
    with (orca / "main_database.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["PlotID"]: row for row in csv.DictReader(stream)}


@pytest.fixture(scope="module")
def extracted(orca: Path, published: dict[str, dict[str, str]]) -> dict[str, float]:
    heights = {}
    for name, row in published.items():
        plot = Plot(plot_id=name, geometry=footprint(row), crs=CRS)
        raster = orca / "Height_rasters" / f"20160725_AC_ORC_{name}_HAG.tif"
        (zone,) = zonal([plot], raster, ["max"])
        heights[name] = zone.mean
    return heights


def harvests(published: dict[str, dict[str, str]]) -> np.ndarray:
    return np.array([float(row["AGB"]) / FRAME_M2 for row in published.values()])


def test_heights_from_the_rasters_are_the_published_ones_to_a_millimetre(
    published: dict[str, dict[str, str]], extracted: dict[str, float]
) -> None:
    own = np.array(list(extracted.values()))
    theirs = np.array([float(published[name]["HAG_plotmean_of_cellmax_m"]) for name in extracted])
    assert len(own) == 36
    np.testing.assert_allclose(own, theirs, rtol=0, atol=1e-3)


def test_model_of_the_published_heights(published: dict[str, dict[str, str]]) -> None:
    height = np.array([float(row["HAG_plotmean_of_cellmax_m"]) for row in published.values()])
    check_model(height, harvests(published), slope=2864.3, intercept=-174.8, within=0.05, fit=381.1, left_out=398.9)


def test_model_of_the_heights_from_the_rasters(
    published: dict[str, dict[str, str]], extracted: dict[str, float]
) -> None:
    height = np.array([extracted[name] for name in published])
    check_model(height, harvests(published), slope=2863.6, intercept=-174.6, within=0.2, fit=381.0, left_out=398.8)


def check_model(
    height: np.ndarray, agb: np.ndarray, *, slope: float, intercept: float, within: float, fit: float, left_out: float
) -> None:
    sample, singly = Sample(values={"height_mean": height}, agb=agb), single_cases(36)
    model, _ = fit_ladder(sample, singly, LADDER[:1])
    assert isinstance(model.form, TermForm)
    assert model.form.coefficients == pytest.approx((intercept, slope), abs=within)
    fitted = Agreement.of(model.predict(sample.values).agb_dry, agb)
    assert fitted.r2 == pytest.approx(0.694, abs=5e-4)
    assert fitted.rmse == pytest.approx(fit, abs=0.1)
    without, _ = cross_validate(sample, singly, LADDER[:1])
    assert Agreement.of(without.agb_dry, agb).rmse == pytest.approx(left_out, abs=0.1)
    held = interval_coverage(without.pi90_lo, without.pi90_hi, agb)
    assert held.n == 36  # coverage and width are printed by `uav biomass`, no bound


def test_through_zero_the_paper_prints_an_uncentred_r2(published: dict[str, dict[str, str]]) -> None:
    """Table S1 says 0.90; against the mean of the plots the same line explains 0.68."""
    height = np.array([float(row["HAG_plotmean_of_cellmax_m"]) for row in published.values()])
    agb = harvests(published)
    line = through_zero(height, agb)
    assert line.slope == pytest.approx(2522.3, abs=0.05)
    fitted = line.at(height)
    assert rmse(fitted, agb) == pytest.approx(388.6, abs=0.1)
    assert 1 - ((agb - fitted) ** 2).sum() / (agb**2).sum() == pytest.approx(0.90, abs=5e-3)
    assert r2_centred(fitted, agb) == pytest.approx(0.682, abs=2e-3)


@pytest.mark.parametrize(
    ("grain", "table"),
    [
        ("121", (13.04, -2.976, 0.23, 0.7162)),
        ("119", (9.902, -0.372, 0.20, 0.7308)),
        ("047", (7.412, 1.282, 0.14, 0.7571)),
        ("018", (4.947, 2.909, 0.15, 0.7553)),
    ],
)
def test_ndvi_fits_of_the_paper(
    published: dict[str, dict[str, str]], grain: str, table: tuple[float, float, float, float]
) -> None:
    slope, intercept, r2, error = table
    ndvi = np.array([float(row[f"mean_NDVI_{grain}"]) for row in published.values()])
    log_agb = np.log(harvests(published))
    fit = ordinary(ndvi, log_agb)
    assert fit.line.slope == pytest.approx(slope, abs=5e-3)
    assert fit.line.intercept == pytest.approx(intercept, abs=2e-3)
    assert r2_centred(fit.line.at(ndvi), log_agb) == pytest.approx(r2, abs=6e-3)
    assert rmse(fit.line.at(ndvi), log_agb) == pytest.approx(error, abs=1e-4)


def test_terrain_of_the_paper_lies_three_centimetres_high(orca: Path) -> None:
    """A bias of 3 cm is 87 g/m2 at a slope of 2900: heights below 2 x RMSEz are not told from ground."""
    with (orca / "DTM_accuracy_assessment.csv").open(encoding="utf-8-sig", newline="") as stream:
        points = [(float(row["DTM_elevation"]), float(row["GNSS_elevation"])) for row in csv.DictReader(stream)]
    block = Agreement.of(*np.array(points).T)
    assert block.n == 36
    assert block.rmse == pytest.approx(0.045, abs=5e-4)
    assert block.bias == pytest.approx(0.030, abs=5e-4)


def test_polygons_of_the_geojson_carry_metres_under_a_degree_label(orca: Path) -> None:
    """Read as it labels itself (degrees) a plot has no place; in the CRS its properties name it has its height."""
    document = json.loads((orca / "20160725_AC_ORC - formated for exact extractr.geojson").read_text())
    feature = next(f for f in document["features"] if f["properties"]["PlotID"] == "P01")
    polygon = Polygon(feature["geometry"]["coordinates"][0])
    raster = orca / "Height_rasters" / "20160725_AC_ORC_P01_HAG.tif"
    (wrong,) = zonal([Plot(plot_id="P01", geometry=polygon, crs="EPSG:4326")], raster, ["max"])
    (right,) = zonal([Plot(plot_id="P01", geometry=polygon, crs=CRS)], raster, ["max"])
    assert wrong.n_pixels == 0
    assert np.isnan(wrong.mean)
    assert wrong.inside_fraction == 0
    assert right.mean == pytest.approx(0.1482, abs=1e-3)


@pytest.fixture
def canopy(orca: Path, tmp_path: Path) -> Path:
    """The 36 rasters of cell maxima on one grid of 1 cm."""
    grid = Grid.covering((581941.24, 7719529.08, 582035.25, 7719553.59), 0.01, CRS)
    whole = np.full(grid.shape, np.nan, np.float32)
    for path in sorted((orca / "Height_rasters").glob("*.tif")):
        with rasterio.open(path) as dataset:
            part = dataset.read(2, masked=True).filled(np.nan)
            row, col = round((grid.y_max - dataset.bounds.top) * 100), round((dataset.bounds.left - grid.x_min) * 100)
        seen = whole[row : row + part.shape[0], col : col + part.shape[1]]
        np.copyto(seen, part, where=np.isfinite(part))
    path = tmp_path / "canopy_height.tif"
    with cog(path, grid, ["canopy_height"]) as sink:
        for block in grid.blocks():
            sink.write(block, whole[block.slices])
    return path


def test_whole_chain_from_one_canopy_height(
    canopy: Path, published: dict[str, dict[str, str]], flown: Callable[..., Flight], tmp_path: Path
) -> None:
    plots = [Plot(plot_id=name, geometry=footprint(row), crs=CRS, sigma_h_m=0.02) for name, row in published.items()]
    observations = [
        GroundObservation(
            plot_id=name,
            variable="agb_dry",
            date=date(2016, 7, 31),
            value=float(row["AGB"]) / FRAME_M2,
            unit="g/m2",
            raw_value=row["AGB"],
            raw_unit="g",
            area_m2=FRAME_M2,
        )
        for name, row in published.items()
    ]
    flight = flown(plots, observations, date(2016, 7, 25))
    make_plot_predictors(flight, Maps(rasters={"canopy_height": canopy}), tmp_path)
    settings = BiomassSettings(rungs=("linear_height",))
    made = make_biomass(tmp_path / "plot_predictors.parquet", {"canopy_height": canopy}, tmp_path, settings=settings)
    make_plots(flight, tmp_path / "plot_predictors.parquet", tmp_path, tmp_path)
    make_match(tmp_path / "plots.parquet", tmp_path)
    card = made.facts["model"]
    line = card["parameters"]["coefficients"]  # type: ignore[index,call-overload]
    assert line["height_mean"] == pytest.approx(2863.6, abs=0.2)  # type: ignore[index,call-overload]
    assert line["intercept"] == pytest.approx(-174.6, abs=0.2)  # type: ignore[index,call-overload]
    (match,) = json.loads((tmp_path / "match.json").read_text())["matches"]
    assert (match["n"], match["n_left_out"]) == (36, 36)
    # the table's values are cut at 0, the model's own leave-one-out figure is not
    assert card["leave_one_out"]["rmse"] == pytest.approx(398.8, abs=0.1)  # type: ignore[index,call-overload]
    assert match["rmse"] == pytest.approx(card[str(card["validated_by"])]["rmse"], rel=0.02)  # type: ignore[index,call-overload]
    table = gpd.read_parquet(tmp_path / "plots.parquet")
    assert (table.loc[table["variable"] == "agb_dry", "dt_days"] == 6).all()
    with Raster(tmp_path / "biomass.tif") as cells:
        assert cells.grid.pixel_m == pytest.approx(0.48)  # side of the surveyed polygons; the frame was 0.5 m
