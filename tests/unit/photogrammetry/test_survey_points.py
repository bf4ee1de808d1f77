"""Surveyed points through synthetic cameras whose truth is known."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import odm_files
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from uav_workflow.domain.flight import Band, BandImage
from uav_workflow.domain.ground import GroundControlPoint, ImageMark
from uav_workflow.domain.reconstruction import Camera, Reconstruction, Shot
from uav_workflow.engine.products.reconstruction_io import write_reconstruction
from uav_workflow.photogrammetry.control_file import write_control_file
from uav_workflow.photogrammetry.position_file import write_position_file
from uav_workflow.photogrammetry.survey import SurveyLimits, make_survey
from uav_workflow.photogrammetry.survey_accuracy import accuracy_of, check_statement, control_statement
from uav_workflow.photogrammetry.survey_points import MARK_SD_PX, locate_points

CRS = "EPSG:32632"
CAMERA = Camera(
    camera_id="brown",
    width=1600,
    height=1200,
    fx=1048.0,
    fy=1051.0,
    cx=807.0,
    cy=595.0,
    k1=-0.05,
    k2=0.02,
    k3=-0.004,
    p1=0.0007,
    p2=-0.0011,
)
LIMITS = SurveyLimits()


def block(seed: int = 3) -> Reconstruction:
    """Nine oblique-ish cameras 40 m above the ground at 1840 m."""
    rng = np.random.default_rng(seed)
    down = Rotation.from_euler("x", 180, degrees=True)
    shots = []
    for index in range(9):
        turn = Rotation.from_euler("zyx", [rng.uniform(0, 360), *rng.normal(0, 4, 2)], degrees=True)
        centre = np.array([12.0 * (index % 3), 9.0 * (index // 3), 1880.0]) + rng.normal(0, 0.5, 3)
        rotation = np.asarray((turn * down).as_matrix())
        shots.append(Shot(image=f"IMG_{index}.JPG", camera_id="brown", rotation=rotation, centre=centre))
    return Reconstruction(
        crs=CRS,
        offset=(odm_files.X0, odm_files.Y0),
        cameras={"brown": CAMERA},
        shots=shots,
        points=np.zeros((0, 3)),
    )


def surveyed(
    reconstruction: Reconstruction, place: NDArray[np.float64], off: NDArray[np.float64], name: str, check: bool
) -> GroundControlPoint:
    """A point that the cameras see at a place, and the survey has ``off`` less: found minus surveyed is ``off``."""
    marks = []
    for shot in reconstruction.shots:
        x, y = CAMERA.project(shot.to_camera(place[None]))[0]
        if 5 < x < CAMERA.width - 5 and 5 < y < CAMERA.height - 5:
            marks.append(ImageMark(image=f"images/{shot.image}", x=x, y=y))
    x, y, z = place + odm_files.ORIGIN - off
    return GroundControlPoint(name=name, crs=CRS, x=x, y=y, z=z, marks=tuple(marks), is_check=check)


NAMES = {f"images/IMG_{index}.JPG": f"IMG_{index}.JPG" for index in range(9)}
PLACES = np.array([[4.0, 3, 1840.2], [14, 10, 1841.0], [20, 4, 1839.5], [9, 15, 1840.0], [12, 6, 1842.0]])
OFFS = np.array([[0.02, -0.03, 0.05], [-0.01, 0.02, -0.04], [0.3, 0.1, -0.2], [0, 0, 0], [1.5, -2.0, 3.0]])


def points(reconstruction: Reconstruction) -> list[GroundControlPoint]:
    return [
        surveyed(reconstruction, place, off, f"P{index}", index % 2 == 0)
        for index, (place, off) in enumerate(zip(PLACES, OFFS, strict=True))
    ]


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_known_offsets_are_recovered(seed: int) -> None:
    reconstruction = block(seed)
    located = locate_points(reconstruction, points(reconstruction), NAMES)
    for point, off in zip(located, OFFS, strict=True):
        assert point.difference == pytest.approx(off, abs=1e-6)
        assert point.rays_px < 1e-6
        assert len(point.marks) >= 3


def test_offsets_do_not_depend_on_the_crs_of_the_survey() -> None:
    from pyproj import Transformer

    reconstruction = block()
    point = points(reconstruction)[0]
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(point.x, point.y)
    degrees = GroundControlPoint(name="P", crs="EPSG:4326", x=lon, y=lat, z=point.z, marks=point.marks)
    assert locate_points(reconstruction, [degrees], NAMES)[0].difference == pytest.approx(OFFS[0], abs=1e-6)


def test_residuals_against_the_survey_are_offsets_seen_by_the_camera() -> None:
    reconstruction = block()
    point = locate_points(reconstruction, points(reconstruction)[:1], NAMES)[0]
    # 3.6 cm across at 40 m and 1050 px focal length is 0.95 px, and the height moves it by less than half of that
    assert 0.5 < point.survey_px < 1.6
    mark = point.marks[0]
    shot = reconstruction.shot(NAMES[mark.image])
    expected = CAMERA.project(shot.to_camera((point.surveyed - odm_files.ORIGIN)[None]))[0]
    assert mark.from_survey == pytest.approx((mark.x - expected[0], mark.y - expected[1]))


def test_precision_is_that_of_the_rays() -> None:
    """Marks moved at random scatter the intersection as its standard deviation says."""
    reconstruction = block()
    point = surveyed(reconstruction, PLACES[1], np.zeros(3), "P", True)
    rng = np.random.default_rng(1)
    moved = [
        GroundControlPoint(
            name="P",
            crs=CRS,
            x=point.x,
            y=point.y,
            z=point.z,
            marks=tuple(
                ImageMark(image=m.image, x=m.x + rng.normal(0, MARK_SD_PX), y=m.y + rng.normal(0, MARK_SD_PX))
                for m in point.marks
            ),
        )
        for _ in range(120)
    ]
    located = locate_points(reconstruction, moved, NAMES)
    scatter = np.std([each.difference for each in located], axis=0)
    assert scatter == pytest.approx(located[0].sd_m, rel=0.2)
    assert located[0].sd_m[2] > located[0].sd_m[:2].max()


def test_a_point_without_two_rays_has_no_position() -> None:
    reconstruction = block()
    point = points(reconstruction)[0]
    one = GroundControlPoint(name="P", crs=CRS, x=point.x, y=point.y, z=point.z, marks=point.marks[:1])
    twin = ImageMark(image=point.marks[0].image, x=point.marks[0].x, y=point.marks[0].y)
    same = GroundControlPoint(name="Q", crs=CRS, x=point.x, y=point.y, z=point.z, marks=(point.marks[0], twin))
    behind = GroundControlPoint(
        name="R", crs=CRS, x=point.x, y=point.y, z=point.z, marks=(ImageMark(image="images/other.JPG", x=1, y=1),)
    )
    for located in locate_points(reconstruction, [one, same, behind], NAMES):
        assert located.found is None
        assert np.isnan(located.difference).all()
    assert not locate_points(reconstruction, [behind], NAMES)[0].marks[0].placed


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    write_reconstruction(block(), tmp_path / "opensfm/reconstruction.json")
    return tmp_path


def judged(assets: Path, given: list[GroundControlPoint], **stats: Any) -> tuple[dict[str, Any], dict[str, str]]:
    if stats:
        (assets / "odm_report").mkdir(exist_ok=True)
        (assets / "odm_report/stats.json").write_text(json.dumps({"reconstruction_statistics": stats}))
    made = make_survey(assets, given, assets, names=NAMES, limits=LIMITS)
    return dict(made.facts), {finding.code: finding.message for finding in made.findings}


def test_facts_keep_check_and_control_points_apart(assets: Path) -> None:
    facts, findings = judged(assets, points(block()), has_gcp=True)
    checks, controls = OFFS[::2], OFFS[1::2]
    for key, offs in (("check_points", checks), ("control_points", controls)):
        assert facts[key]["n"] == len(offs)
        assert facts[key]["rmse_h_m"] == pytest.approx(np.sqrt((offs[:, :2] ** 2).sum(axis=1).mean()), abs=1e-6)
        assert facts[key]["rmse_z_m"] == pytest.approx(np.sqrt((offs[:, 2] ** 2).mean()), abs=1e-6)
        assert facts[key]["mean_x_m"] == pytest.approx(offs[:, 0].mean(), abs=1e-6)
    assert facts["control_points_used"] is True
    assert facts["gsd_at_points_m"] == pytest.approx(40 / 1048, rel=0.03)
    assert "no independent accuracy" in facts["survey_statements"][2]
    assert set(findings) == {"check-points-off"}


def test_files_hold_every_point_and_mark(assets: Path) -> None:
    given = points(block())
    judged(assets, given)
    with (assets / "check_points.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["name"], row["role"]) for row in rows] == [
        (point.name, "check" if point.is_check else "control") for point in given
    ]
    table = np.array([[float(row[name]) for name in ("dx_m", "dy_m", "dz_m")] for row in rows])
    assert table == pytest.approx(OFFS, abs=6e-5)
    with (assets / "check_point_marks.csv").open(encoding="utf-8", newline="") as stream:
        marks = list(csv.DictReader(stream))
    assert len(marks) == sum(len(point.marks) for point in given)
    assert {row["placed"] for row in marks} == {"yes"}


def test_a_good_block_has_no_findings(assets: Path) -> None:
    reconstruction = block()
    good = [surveyed(reconstruction, place, OFFS[i % 2], f"P{i}", i > 2) for i, place in enumerate(PLACES)]
    assert judged(assets, good, has_gcp=True)[1] == {}


def test_a_wrong_mark_is_named(assets: Path) -> None:
    reconstruction = block()
    good = surveyed(reconstruction, PLACES[1], np.zeros(3), "P", True)
    wrong = ImageMark(image=good.marks[2].image, x=good.marks[2].x + 25, y=good.marks[2].y)
    bad = GroundControlPoint(
        name="P",
        crs=CRS,
        x=good.x,
        y=good.y,
        z=good.z,
        marks=(*good.marks[:2], wrong, *good.marks[3:]),
        is_check=True,
    )
    facts, findings = judged(assets, [bad])
    assert f"P in {wrong.image} (25.0 px, not used)" in findings["control-point-mark-off"]
    assert facts["check_points"]["rmse_h_m"] < 1e-6
    with (assets / "check_point_marks.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["image"] for row in csv.DictReader(stream) if row["used"] == "no"] == [wrong.image]


def test_three_marks_that_disagree_are_all_used(assets: Path) -> None:
    """Which of three is wrong can't be told: the point is measured as it is, and said."""
    good = surveyed(block(), PLACES[1], np.zeros(3), "P", True)
    wrong = ImageMark(image=good.marks[2].image, x=good.marks[2].x + 60, y=good.marks[2].y - 40)
    bad = GroundControlPoint(
        name="P", crs=CRS, x=good.x, y=good.y, z=good.z, marks=(*good.marks[:2], wrong), is_check=True
    )
    facts, findings = judged(assets, [bad])
    assert "not used" not in findings["control-point-mark-off"]
    assert facts["check_points"]["rmse_h_m"] > 0.1


def test_marks_with_ordinary_scatter_are_all_used() -> None:
    reconstruction = block()
    rng = np.random.default_rng(8)
    for place in PLACES:
        good = surveyed(reconstruction, place, np.zeros(3), "P", True)
        rough = tuple(
            ImageMark(image=mark.image, x=mark.x + rng.normal(0, 0.7), y=mark.y + rng.normal(0, 0.7))
            for mark in good.marks
        )
        point = GroundControlPoint(name="P", crs=CRS, x=good.x, y=good.y, z=good.z, marks=rough)
        assert all(mark.used for mark in locate_points(reconstruction, [point], NAMES)[0].marks)


def test_control_points_a_node_did_not_use_are_said(assets: Path) -> None:
    facts, findings = judged(assets, points(block())[1::2], has_gcp=False)
    assert "did not adjust" in findings["control-points-not-used"]
    assert "did not adjust" in facts["survey_statements"][0]
    assert "check_points" not in facts


def test_points_nobody_sees_are_listed(assets: Path) -> None:
    lost = GroundControlPoint(name="L1", crs=CRS, x=560000, y=5183100, z=1840, marks=(), is_check=True)
    facts, findings = judged(assets, [lost])
    assert facts["check_points"] == {"n": 0, "without_position": ["L1"]}
    assert "L1" in findings["check-point-unseen"]
    assert "accuracy is unknown" in facts["survey_statements"][0]


def test_statements_say_n_and_claim_nothing_below_thirty() -> None:
    few = accuracy_of(list("abcde"), np.tile([0.012, -0.016, 0.031], (5, 1)))
    text = check_statement(few, "horizontal")
    assert "RMSE_H = 2.0 cm from 5 check points" in text
    assert "2-cm RMSE_H class" in text
    assert "no statement of compliance" in text
    assert "RMSE_V = 3.1 cm" in check_statement(few, "vertical")
    assert "4-cm RMSE_V class" in check_statement(few, "vertical")
    many = accuracy_of([str(i) for i in range(30)], np.tile([0.012, -0.016, 0.031], (30, 1)))
    assert "no statement" not in check_statement(many, "vertical")
    assert "tested to the 4-cm RMSE_V class" in check_statement(many, "vertical")
    assert "no independent accuracy" in control_statement(few)


def test_a_shift_is_told_from_scatter() -> None:
    rng = np.random.default_rng(0)
    scatter = rng.normal(0, 0.02, (12, 3))
    scatter -= scatter.mean(axis=0)
    names = [str(i) for i in range(12)]
    assert accuracy_of(names, scatter).biased_axes == ()
    assert accuracy_of(names, scatter + np.array([0, 0, 0.05])).biased_axes == ("up",)


def test_a_node_gets_control_points_alone_in_utm_under_its_own_names(tmp_path: Path) -> None:
    reconstruction = block()
    given = [surveyed(reconstruction, place, np.zeros(3), f"P {i}", i == 0) for i, place in enumerate(PLACES)]
    path = write_control_file(given, {k: f"x_{v}" for k, v in NAMES.items()}, CRS, tmp_path / "sent/gcp_list.txt")
    assert path is not None
    head, *lines = path.read_text().splitlines()
    assert head == CRS
    assert {line.split()[6] for line in lines} == {"P_1", "P_2", "P_3", "P_4"}
    assert all(line.split()[5].startswith("x_IMG_") for line in lines)
    first = [float(cell) for cell in lines[0].split()[:5]]
    assert first == pytest.approx(
        [given[1].x, given[1].y, given[1].z, given[1].marks[0].x, given[1].marks[0].y], abs=1e-3
    )


def test_two_control_points_are_not_sent(tmp_path: Path) -> None:
    reconstruction = block()
    given = [surveyed(reconstruction, place, np.zeros(3), f"P{i}", i > 1) for i, place in enumerate(PLACES)]
    assert write_control_file(given, NAMES, CRS, tmp_path / "gcp_list.txt") is None
    assert not (tmp_path / "gcp_list.txt").exists()


def test_positions_go_to_a_node_under_its_own_names(tmp_path: Path) -> None:
    images = [image_called("a/IMG_1.JPG"), image_called("b/IMG_1.JPG"), image_called("b/IMG_2.JPG")]
    names = {"a/IMG_1.JPG": "a_IMG_1.JPG", "b/IMG_1.JPG": "b_IMG_1.JPG", "b/IMG_2.JPG": "b_IMG_2.JPG"}
    source = tmp_path / "geo.txt"
    text = "32632\r# PPK of noon\ra/IMG_1.JPG 560000.123 5183100 1880 nan nan nan 0.02 0.04\rIMG_2.JPG\t560001\t2 3\r"
    source.write_bytes((text + "IMG_1.JPG 1 2 3\rother.JPG 1 2 3\r").encode("utf-16"))
    path = write_position_file(source, images, names, tmp_path / "sent/geo.txt")
    assert path is not None
    assert path.read_text().splitlines() == [
        "EPSG:32632",
        "a_IMG_1.JPG 560000.123 5183100 1880 nan nan nan 0.02 0.04",
        "b_IMG_2.JPG 560001 2 3",
    ]
    source.write_text("EPSG:4326\nother.JPG 1 2 3\n")
    assert write_position_file(source, images, names, tmp_path / "none.txt") is None


def image_called(name: str) -> BandImage:
    return BandImage(path=Path(name), name=name, size_bytes=1, band=Band(name="RGB"), width=10, height=10, bits=8)
