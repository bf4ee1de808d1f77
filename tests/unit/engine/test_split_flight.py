"""A simulated flight placed at once and group by group: the same cameras, the same surface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
from rasterio.windows import Window, from_bounds

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.inputs.priors import PositionPriors
from uav_workflow.engine.inputs.project import read_captures
from uav_workflow.engine.options import EngineOptions
from uav_workflow.engine.pipeline import EngineSummary, process
from uav_workflow.engine.products.reconstruction_io import read_reconstruction
from uav_workflow.engine.structure.from_motion import Structure, StructureSettings, reconstruct
from uav_workflow.engine.ties.free_block import Stopwatch, TieSettings, tie_photos
from uav_workflow.engine.ties.partition import SplitSettings
from uav_workflow.errors import EngineError
from uav_workflow.simulation.flight import simulate
from uav_workflow.simulation.options import SimulationOptions

PHOTOS = 24


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of the engine left."""

    project: Path
    summary: EngineSummary
    lines: list[str]

    @property
    def reconstruction(self) -> Reconstruction:
        return read_reconstruction(self.project / "opensfm" / "reconstruction.json")

    @property
    def codes(self) -> list[str]:
        return [finding.code for finding in self.summary.findings]


@pytest.fixture(scope="module")
def flight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flown") / "flight"
    options = SimulationOptions(
        landscape="built", captures=PHOTOS, gsd_cm=6.0, seed=31, plots=0, harvested=0, image_size=(480, 360)
    )
    simulate(folder, options)
    return folder


def run(flight: Path, project: Path, **options: object) -> Run:
    project.mkdir()
    (project / "images").symlink_to(flight / "images")
    lines: list[str] = []
    asked = EngineOptions(dsm=True, dem_resolution=12.0, skip_orthophoto=True, max_concurrency=2, **options)  # type: ignore[arg-type]
    return Run(project, process(project, asked, say=lines.append), lines)


@pytest.fixture(scope="module")
def at_once(flight: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(flight, tmp_path_factory.mktemp("engine") / "at-once")


@pytest.fixture(scope="module")
def in_groups(flight: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(flight, tmp_path_factory.mktemp("engine") / "in-groups", split=12, split_overlap=9.0)


def facts_of(run: Run) -> dict[str, Any]:
    return dict(run.reconstruction.facts)


def camera_of(run: Run) -> dict[str, Any]:
    (camera,) = facts_of(run)["cameras"].values()
    return dict(camera)


def test_every_photo_is_placed_in_groups_of_half_the_flight_and_its_margin(at_once: Run, in_groups: Run) -> None:
    assert facts_of(at_once)["split_groups"] == []
    assert facts_of(in_groups)["split_groups"] == [18, 18]
    for one in (at_once, in_groups):
        assert (one.summary.placed, one.summary.missing, one.codes) == (PHOTOS, (), [])
        assert facts_of(one)["components"] == 1


def test_the_cameras_stand_where_they_stand_without_split(at_once: Run, in_groups: Run) -> None:
    first, second = at_once.reconstruction, in_groups.reconstruction
    assert (first.crs, first.offset) == (second.crs, second.offset)
    assert [shot.image for shot in first.shots] == [shot.image for shot in second.shots]
    apart = np.array([a.centre - b.centre for a, b in zip(first.shots, second.shots, strict=True)])
    assert np.sqrt((apart**2).mean()) < 0.1 * at_once.summary.gsd_m
    turned = [np.trace(a.rotation @ b.rotation.T) for a, b in zip(first.shots, second.shots, strict=True)]
    assert np.degrees(np.arccos(np.clip((np.array(turned) - 1) / 2, -1, 1))).max() < 0.05


def test_the_lens_agrees_within_its_standard_deviation(at_once: Run, in_groups: Run) -> None:
    first, second = camera_of(at_once), camera_of(in_groups)
    assert abs(first["focal_px"] - second["focal_px"]) < max(first["focal_sigma_px"], second["focal_sigma_px"])
    fits = [facts_of(one)["reprojection_rms_px"] for one in (at_once, in_groups)]
    assert fits[1] < 1.15 * fits[0]


def test_the_surface_is_the_same(at_once: Run, in_groups: Run) -> None:
    with (
        rasterio.open(at_once.project / "odm_dem" / "dsm.tif") as first,
        rasterio.open(in_groups.project / "odm_dem" / "dsm.tif") as second,
    ):
        one, other = (
            dataset.read(1, masked=True, window=_window(dataset, first, second)) for dataset in (first, second)
        )
    both = ~(np.ma.getmaskarray(one) | np.ma.getmaskarray(other))
    assert both.sum() > 0.97 * max(one.count(), other.count())
    off = one.data[both] - other.data[both]
    middle = np.median(off)
    assert abs(middle) < facts_of(at_once)["ground_sigma_m"]
    assert 1.4826 * np.median(np.abs(off - middle)) < 0.2 * at_once.summary.gsd_m


def _window(dataset: rasterio.DatasetReader, first: rasterio.DatasetReader, second: rasterio.DatasetReader) -> Window:
    """Part of a dataset that lies in both."""
    a, b = first.bounds, second.bounds
    common = max(a.left, b.left), max(a.bottom, b.bottom), min(a.right, b.right), min(a.top, b.top)
    return from_bounds(*common, dataset.transform).round_offsets().round_lengths()


def placed(captures: Sequence[Capture], work: Path, split: SplitSettings) -> Structure:
    return reconstruct(captures, work, settings=StructureSettings(ties=TieSettings(split=split)))


def test_groups_without_overlap_can_not_be_joined_and_it_is_said_what_to_do(flight: Path, tmp_path: Path) -> None:
    captures, _ = read_captures(flight, 3.0, lambda line: None)
    found = placed(captures, tmp_path, SplitSettings(photos=12, overlap_m=0.0))
    assert found.reconstruction.facts["registered"] == 12
    assert len(found.reconstruction.missing) == 12
    said = {finding.code: finding for finding in found.findings}
    assert "raise split-overlap" in said["split-not-joined"].hint
    assert "2 blocks of 12, 12" in said["reconstruction-partial"].message


def test_a_group_that_shows_nothing_does_not_take_the_others_with_it(flight: Path, tmp_path: Path) -> None:
    captures, _ = read_captures(flight, 3.0, lambda line: None)
    water = [_water(capture, tmp_path) for capture in captures[:12]]
    found = placed([*captures[:12], *water], tmp_path / "work", SplitSettings(photos=12, overlap_m=20.0))
    assert found.reconstruction.facts["registered"] == 12
    assert set(found.reconstruction.missing) == {capture.primary.name for capture in water}
    assert {"split-group-untied", "photos-not-placed"} <= {finding.code for finding in found.findings}


def _water(capture: Capture, folder: Path) -> Capture:
    """The same photo as if taken half a kilometre to the east, over water."""
    image, place = capture.primary, capture.position
    assert place is not None
    path = folder / f"water-{Path(image.name).stem}.png"
    cv2.imwrite(str(path), np.full((image.height, image.width), 90, np.uint8))
    position = replace(place, lon=place.lon + 0.007)
    return replace(capture, images=(replace(image, path=path, name=path.name, position=position),))


def test_nothing_but_water_is_refused_like_a_flight_that_is_not_split(flight: Path, tmp_path: Path) -> None:
    captures, _ = read_captures(flight, 3.0, lambda line: None)
    water = [_water(capture, tmp_path) for capture in captures]
    with pytest.raises(EngineError, match="no two photos could be tied together"):
        placed(water, tmp_path / "work", SplitSettings(photos=12, overlap_m=9.0))


def test_a_flight_without_positions_is_refused_before_any_photo_is_read(tmp_path: Path) -> None:
    nowhere = np.full((30, 3), np.nan)
    positions = PositionPriors(crs="EPSG:32633", offset=(0.0, 0.0), xyz=nowhere, sigma=np.ones((30, 3)))
    with pytest.raises(EngineError, match="parts the flight by position"):
        tie_photos(
            [],
            positions,
            tmp_path,
            settings=TieSettings(split=SplitSettings(photos=10)),
            report=lambda share, text: None,
            watch=Stopwatch(),
        )
    assert list(tmp_path.iterdir()) == []
