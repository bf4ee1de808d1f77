"""The engine's stages put together: a project folder in, ODM's products out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from uav_workflow.domain.flight import Capture
from uav_workflow.domain.grid import Block, Grid
from uav_workflow.domain.ground import GroundControlPoint
from uav_workflow.domain.reconstruction import Reconstruction
from uav_workflow.engine.adjustment.self_calibration import CalibrationSettings
from uav_workflow.engine.inputs.project import read_captures, read_control
from uav_workflow.engine.mosaic.orthomosaic import MosaicFacts, render_orthomosaic
from uav_workflow.engine.mosaic.sources import BandLayer
from uav_workflow.engine.options import EngineOptions
from uav_workflow.engine.products import height_models, odm_layout
from uav_workflow.engine.products.height_models import write_heights, write_interpolated
from uav_workflow.engine.products.odm_report import RunProducts, write_points, write_stats
from uav_workflow.engine.products.point_cloud import CloudFacts, CloudSettings, write_cloud
from uav_workflow.engine.products.reconstruction_io import write_reconstruction, write_shots
from uav_workflow.engine.progress import StageProgress, StageReport, StageTime, peak_memory_mib
from uav_workflow.engine.scratch import Scratch, release
from uav_workflow.engine.structure.from_motion import Structure, StructureSettings, reconstruct
from uav_workflow.engine.surface.bare_ground import bare_ground
from uav_workflow.engine.surface.ground_filter import GroundRules
from uav_workflow.engine.surface.model import OF_BANDS, Surface, SurfaceSettings, build_surface
from uav_workflow.engine.surface.terrain import TerrainSettings, build_terrain
from uav_workflow.engine.surface.views import ground_sample_distance, views_of
from uav_workflow.engine.ties.features import FeatureSettings
from uav_workflow.engine.ties.fine_ties import FineTieSettings
from uav_workflow.engine.ties.free_block import TieSettings
from uav_workflow.engine.ties.matching import MatchSettings
from uav_workflow.engine.ties.partition import SplitSettings
from uav_workflow.findings import Finding, warning
from uav_workflow.rasters.cache import bounded_cache
from uav_workflow.rasters.resample import on_grid

Float32 = NDArray[np.float32]

SHARES = {
    "photos": 0.2,
    "structure": 50.0,
    "surface": 29.5,
    "orthomosaic": 14.0,
    "height models": 1.0,
    "point cloud": 5.0,
    "report": 0.3,
}
"""Share of the time of each stage, measured on 12 photos of 2 MP with everything at its default."""

FINEST = 0.9
"""Resolutions finer than this share of the ground sampling distance are capped, as ODM does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSummary:
    """What a run made.

    Attributes
    ----------
    photos, placed : int
        Photos used, and those of the geometry's band that were placed.
    gsd_m, native_cell_m : float
        Ground sampling distance; cell on which the surface was computed.
    """

    photos: int
    placed: int
    missing: tuple[str, ...]
    crs: str
    gsd_m: float
    native_cell_m: float
    findings: tuple[Finding, ...]
    stages: tuple[StageTime, ...]
    peak_memory_mib: float


def process(
    project: Path,
    options: EngineOptions,
    *,
    progress: Callable[[float], None] | None = None,
    say: Callable[[str], None] = print,
) -> EngineSummary:
    """Make everything the options ask for.

    Parameters
    ----------
    project : Path
        ``images/`` and, optionally, ``geo.txt`` and ``gcp_list.txt``; the products are written beside them.
    progress : callable, optional
        Told the percentage done; it never falls.
    say : callable
        Told one line at a time of what happens.

    Raises
    ------
    EngineError
        The photos do not make a block.
    FlightDataError
        The photos or text files can't be used.
    OSError
        A file can't be written.
    """
    with bounded_cache():
        return _Run(project, options, StageProgress(SHARES, progress, say), say).all()


class _Run:
    """One run: its folder, its options, and what every stage hands to the next."""

    def __init__(
        self, project: Path, options: EngineOptions, stages: StageProgress, say: Callable[[str], None]
    ) -> None:
        self._project = project
        self._options = options
        self._stages = stages
        self._say = say
        self._started = datetime.now(UTC)

    def all(self) -> EngineSummary:
        with self._stages.stage("photos"):
            captures, findings = read_captures(self._project, self._options.gps_accuracy, self._say)
            control, found = (
                read_control(self._project, captures, self._say) if not self._options.use_exif else ((), [])
            )
            findings += found
            if self._options.texturing_skip_global_seam_leveling and _is_picture(captures):
                findings.append(_EVENED)
                self._say(f"{_EVENED.level} {_EVENED.code}: {_EVENED.message}; {_EVENED.hint}")
        with self._stages.stage("structure") as report:
            structure = self._structure(captures, control, report)
        reconstruction = structure.reconstruction
        findings += structure.findings
        images = {capture.primary.name: capture.primary.path for capture in captures}
        gsd = ground_sample_distance(reconstruction, views_of(reconstruction, images))
        self._say(f"ground sampling distance {100 * gsd:.2f} cm")
        cell = self._resolution("dem-resolution", self._options.dem_resolution, gsd)
        with self._stages.stage("surface") as report:
            surface = build_surface(
                reconstruction,
                images,
                cell_m=height_models.native_cell_m(cell, gsd),
                settings=replace(
                    OF_BANDS if any(len(capture.images) > 1 for capture in captures) else SurfaceSettings(),
                    full_resolution=self._options.pc_quality == "ultra",
                    threads=self._options.threads,
                ),
                scratch=Scratch(self._project),
                progress=report,
            )
        mosaic: MosaicFacts | None = None
        with self._stages.stage("orthomosaic") as report:
            if not self._options.skip_orthophoto:
                mosaic = self._orthomosaic(reconstruction, captures, surface, gsd, report)
        with self._stages.stage("height models") as report:
            terrain = self._height_models(surface, mosaic, cell, report)
        with self._stages.stage("point cloud"):
            cloud = self._cloud(surface, terrain, mosaic)
        made = RunProducts(
            captures=captures,
            findings=findings,
            reconstruction=reconstruction,
            points=structure.points,
            surface=surface,
            terrain=terrain if self._options.dtm else None,
            mosaic=mosaic,
            cloud=cloud,
            gsd_m=gsd,
            started=self._started,
        )
        with self._stages.stage("report"):
            odm_layout.write_georeference(self._project, reconstruction)
            odm_layout.write_images(self._project, captures)
            odm_layout.write_cameras(self._project)
            write_points(self._project, reconstruction, structure.points)
            if not self._options.skip_report:
                write_stats(self._project, made)
        return self._ended(made)

    def _ended(self, made: RunProducts) -> EngineSummary:
        """The last words: log.json, and what is handed back."""
        odm_layout.write_log(
            self._project,
            options=self._options.to_json(),
            photos=made.photos,
            version=version("uav-workflow"),
            started=self._started,
            stages=self._stages.times,
        )
        self._say(f"peak memory of the engine: {peak_memory_mib():.0f} MiB")
        return EngineSummary(
            photos=made.photos,
            placed=made.placed,
            missing=tuple(made.reconstruction.missing),
            crs=made.reconstruction.crs,
            gsd_m=made.gsd_m,
            native_cell_m=made.surface.grid.pixel_m,
            findings=tuple(made.findings),
            stages=tuple(self._stages.times),
            peak_memory_mib=peak_memory_mib(),
        )

    def _structure(
        self, captures: Sequence[Capture], control: Sequence[GroundControlPoint], report: StageReport
    ) -> Structure:
        options, threads = self._options, self._options.threads
        matching = MatchSettings(threads=threads)
        if options.matcher_neighbors:
            matching = MatchSettings(threads=threads, all_pairs_up_to=0, neighbours=options.matcher_neighbors)
        settings = StructureSettings(
            ties=TieSettings(
                features=FeatureSettings(keypoints=options.keypoints, threads=threads),
                matching=matching,
                split=SplitSettings(photos=options.split, overlap_m=options.split_overlap),
                fine=FineTieSettings(threads=threads),
            ),
            calibration=CalibrationSettings(force_gps=options.force_gps),
        )
        with TemporaryDirectory(prefix="structure-", dir=self._project) as work:
            structure = reconstruct(captures, Path(work), control=control, settings=settings, progress=report)
        for finding in structure.findings:
            self._say(f"{finding.level} {finding.code}: {finding.where}: {finding.message}; {finding.hint}")
        reconstruction = structure.reconstruction
        # a rig's missing photos are counted by band, its captures are not
        self._say(f"{reconstruction.facts['registered']} of {len(captures)} captures placed")
        if reconstruction.missing:
            self._say(f"not placed: {', '.join(reconstruction.missing)}")
        write_reconstruction(reconstruction, self._project / "opensfm" / "reconstruction.json")
        # of a rig the band that carries the geometry, as ODM has it
        primary = {capture.primary.name for capture in captures}
        shots = tuple(shot for shot in reconstruction.shots if shot.image in primary)
        write_shots(replace(reconstruction, shots=shots), self._project / "odm_report" / "shots.geojson")
        return structure

    def _resolution(self, name: str, wanted_cm: float, gsd_m: float) -> float:
        """Cell or pixel to make, metres."""
        if self._options.ignore_gsd or wanted_cm / 100 >= FINEST * gsd_m:
            return wanted_cm / 100
        self._say(f"Maximum resolution set to {FINEST} of the ground sampling distance: {name} {wanted_cm} cm is finer")
        return FINEST * gsd_m

    def _height_models(
        self, surface: Surface, mosaic: MosaicFacts | None, cell_m: float, report: StageReport
    ) -> Float32:
        """Write the height models that were asked for; the terrain, which the cloud needs in any case, is returned."""
        grid = height_models.wanted_grid(surface.grid, cell_m)
        folder = self._project / "odm_dem"
        if self._options.dsm:
            write_heights(folder / "dsm.tif", surface.dsm, surface.grid, grid, report=lambda share: report(share / 3))
            write_interpolated(folder / "interpolated.tif", surface.dsm, surface.filled, surface.grid, grid)
        rules = GroundRules(slope=self._options.smrf_slope, max_window_m=self._options.smrf_window)
        bare = bare_ground(mosaic.orthomosaic, surface.grid, surface.scratch) if mosaic is not None else None
        if bare is not None:
            self._say(f"terrain rests on open ground seen in {100 * float(bare.mean()):.1f} % of the cells")
            release(bare)
        terrain = build_terrain(surface, TerrainSettings(rules=rules), lambda share: report((1 + share) / 3), bare)
        if self._options.dtm:
            write_heights(folder / "dtm.tif", terrain, surface.grid, grid, report=lambda share: report((2 + share) / 3))
        return terrain

    def _cloud(self, surface: Surface, terrain: Float32, mosaic: MosaicFacts | None) -> CloudFacts:
        path = self._project / "odm_georeferencing" / "odm_georeferenced_model.laz"
        path.parent.mkdir(exist_ok=True)
        # ODM: 0 switches the filter off
        settings = CloudSettings(deviations=self._options.pc_filter or 1e6)
        if mosaic is not None and mosaic.bands == ("red", "green", "blue"):
            with colours_on_grid(mosaic.orthomosaic, surface.grid) as colours:
                facts = write_cloud(surface, terrain, path, colours=colours, settings=settings)
        else:
            facts = write_cloud(surface, terrain, path, settings=settings)
        self._say(f"{facts.points} points in the cloud, {facts.outliers} outliers dropped")
        return facts

    def _orthomosaic(
        self,
        reconstruction: Reconstruction,
        captures: Sequence[Capture],
        surface: Surface,
        gsd: float,
        report: StageReport,
    ) -> MosaicFacts:
        pixel = self._resolution("orthophoto-resolution", self._options.orthophoto_resolution, gsd)
        folder = self._project / "odm_orthophoto"
        folder.mkdir(exist_ok=True)
        return render_orthomosaic(
            reconstruction,
            band_layers(captures),
            surface,
            Grid.covering(surface.grid.bounds, pixel, surface.grid.crs),
            folder / "odm_orthophoto.tif",
            progress=report,
        )


_EVENED = warning(
    "colours-evened",
    "odm_orthophoto/odm_orthophoto.tif",
    "texturing-skip-global-seam-leveling has no effect on 8-bit RGB photos: the mosaic is made to look at",
    "upload photos of more than 8 bits to have their values kept",
)


def _is_picture(captures: Sequence[Capture]) -> bool:
    return all(image.bits == 8 and image.band.name == "RGB" for capture in captures for image in capture.images)


@contextmanager
def colours_on_grid(path: Path, grid: Grid) -> Iterator[Callable[[slice], NDArray[np.uint8]]]:
    """Red, green and blue of a mosaic in rows of a grid, (n, columns, 3); black where it shows nothing."""
    with on_grid(path, grid, "average") as mosaic:

        def rows(part: slice) -> NDArray[np.uint8]:
            values = mosaic.read(Block(part.start, 0, part.stop - part.start, grid.width), [1, 2, 3])
            return np.rint(np.moveaxis(np.nan_to_num(values, copy=False), 0, 2)).astype(np.uint8)

        yield rows


def band_layers(captures: Sequence[Capture]) -> list[BandLayer]:
    """Photos by band, in the order of ODM's orthophoto; the bands of a capture share its primary image's name."""
    layers: dict[str, dict[str, Path]] = {}
    names: dict[str, str] = {}
    centres: dict[str, float | None] = {}
    for capture in captures:
        for image in capture.images:
            layers.setdefault(image.band.name, {})[image.name] = image.path
            names[image.name] = capture.primary.name
            centres[image.band.name] = image.band.centre_nm
    return [
        BandLayer(
            name=band,
            images=layers[band],
            captures={image: names[image] for image in layers[band]},
            centre_nm=centres[band],
        )
        for band in odm_layout.odm_band_order(list(layers))
    ]
