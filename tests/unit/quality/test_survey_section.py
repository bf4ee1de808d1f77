"""What the report says of surveyed points."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from uav_workflow.domain.grid import Grid
from uav_workflow.domain.product import Product
from uav_workflow.quality.survey import survey_figure, survey_section
from uav_workflow.rasters.writer import cog

HEAD = "name,role,x,y,z,dx_m,dy_m,dz_m,dh_m,sd_x_m,sd_y_m,sd_z_m,rays,angle_deg,reprojection_px,rays_px,crs"
ROWS = (
    "C1,check,560010,5183090,1840,0.0300,-0.0200,0.0500,0.0361,0.01,0.01,0.02,5,41.2,0.831,0.20,EPSG:32632",
    "C2,check,560020,5183080,1841,0.0100,0.0400,-0.0300,0.0412,0.01,0.01,0.02,4,38.0,0.714,0.20,EPSG:32632",
    "G1,control,560005,5183075,1841,,,,,,,,1,,12.100,,EPSG:32632",
)
CHECK_FACTS = {"n": 2, "rmse_x_m": 0.0224, "rmse_y_m": 0.0316, "rmse_h_m": 0.0387, "rmse_z_m": 0.0412}


def product(folder: Path, kind: str, **facts: Any) -> Product:
    path = folder / kind
    path.mkdir()
    return Product(kind=kind, fingerprint="f", path=path, manifest={"facts": facts})


@pytest.fixture
def made(tmp_path: Path) -> dict[str, Product]:
    products = {
        "reconstruction": product(
            tmp_path,
            "reconstruction",
            check_points=CHECK_FACTS,
            control_points={"n": 0},
            survey_statements=["Horizontal: said.", "Vertical: said."],
        ),
        "dsm": product(tmp_path, "dsm", rmse_z_dsm_m=0.06, n_z_dsm=2),
        "orthomosaic": product(tmp_path, "orthomosaic"),
    }
    products["reconstruction"].file("check_points.csv").write_text("\n".join((HEAD, *ROWS)) + "\n")
    products["dsm"].file("check_heights.csv").write_text(
        "name,role,x,y,surveyed_z,dsm_z,dz_m\nC1,check,1,2,1840,1840.07,0.0700\nC2,check,1,2,1841,,\n"
    )
    grid = Grid("EPSG:32632", 560000.0, 5183100.0, 0.1, 300, 300)
    with cog(
        products["orthomosaic"].file("orthomosaic.tif"), grid, ("red", "green", "blue"), dtype="uint8", nodata=None
    ) as target:
        for block in grid.blocks():
            target.write(block, np.full((3, block.height, block.width), 90, np.uint8))
    return products


def test_statements_tables_and_map(made: dict[str, Product]) -> None:
    section = survey_section(made)
    assert list(section.statements[:2]) == ["Horizontal: said.", "Vertical: said."]
    assert "6.0 cm (RMSE) off 2 check points; heights above ground of less than 12 cm" in section.statements[2]
    assert section.summary.rows[0][:6] == ["check points", "2", "2.2 cm", "3.2 cm", "3.9 cm", "4.1 cm"]
    assert section.summary.rows[1][:2] == ["control points (adjusted to)", "0"]
    assert section.points.rows == [
        ["C1", "check", "3.0", "-2.0", "5.0", "5", "41", "0.8", "7.0"],
        ["C2", "check", "1.0", "4.0", "-3.0", "4", "38", "0.7", ""],
        ["G1", "control", "", "", "", "1", "", "12.1", ""],
    ]
    assert all(len(row) == len(section.points.columns) for row in section.points.rows)
    picture = Image.open(io.BytesIO(base64.b64decode(section.image.partition(",")[2])))
    colours = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    yellow = (np.abs(colours - [255, 212, 0]).sum(axis=1) < 30).sum()
    assert yellow > 100  # arrows and triangles of the check points
    assert survey_figure(made) == "3.9 / 4.1 cm"


def test_a_flight_without_surveyed_points_has_no_section(made: dict[str, Product]) -> None:
    made["reconstruction"].file("check_points.csv").unlink()
    assert not survey_section(made).points.rows
    assert not survey_section({}).statements
    assert survey_figure({}) is None


def test_control_points_alone_give_no_figure(tmp_path: Path) -> None:
    only = {"reconstruction": product(tmp_path, "reconstruction", control_points={"n": 4}, control_points_used=False)}
    only["reconstruction"].file("check_points.csv").write_text(HEAD + "\n")
    assert survey_figure(only) is None
    assert survey_section(only).summary.rows[0][0] == "control points (not used by the node)"
