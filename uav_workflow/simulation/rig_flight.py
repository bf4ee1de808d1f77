"""A flight with a multispectral rig: panel, survey, panel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flight_plans.presets import camera_preset
from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.cameras import BandCamera, corner_error, rig
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.panel import ALBEDO_ERROR, HEIGHT_M, SERIAL, PanelScene, panel_radiance, printed_albedo
from uav_workflow.simulation.path import DRIFT_M, WHITE_M, Station, nadir_rotation
from uav_workflow.simulation.photograph import apparent_reflectance
from uav_workflow.simulation.rededge import BandTags, Response, digitise, write_band
from uav_workflow.simulation.rigs import RIGS, Rig
from uav_workflow.simulation.scene import Scene
from uav_workflow.simulation.sky import Light
from uav_workflow.simulation.sun_sensor import SunSensor
from uav_workflow.simulation.survey import Survey, plan, shot_of
from uav_workflow.simulation.tables import write_table

FloatArray = NDArray[np.float64]

CORNER_LIGHT = 0.62
SHAKE_DEG = (2.0, 1.6, 1.6)
"""The rig is fixed to the airframe: yaw, pitch, roll."""
METERED_COUNTS = 18_000.0
PANEL_GAP_S = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    """One capture to take: a station of the survey, or a panel under the rig."""

    number: int
    folder: str
    station: Station
    gps: FloatArray
    panel: bool

    def name(self, band: int) -> str:
        """Path of one band's file below the flight folder."""
        return f"{self.folder}/IMG_{self.number:04d}_{band + 1}.tif"


class RigFlight:
    """Photos of a rig; see `sensors.Sensor`."""

    channels = 1

    def __init__(self, options: SimulationOptions) -> None:
        preset = camera_preset("micasense_rededge")
        width, height = options.image_size or (preset.width_px, preset.height_px)
        camera = replace(preset, width_px=width, height_px=height, pixel_um=preset.pixel_um * preset.width_px / width)
        rng = np.random.default_rng((options.seed, 3))
        self._options = options
        self._rig: Rig = RIGS[options.sensor]
        self.bands: list[BandCamera] = rig(
            len(self._rig.bands),
            self._rig.reference,
            (width, height),
            camera.focal_px,
            corner_light=CORNER_LIGHT,
            rng=rng,
            focal_error=options.focal_tag_error,
        )
        self.survey: Survey = plan(options, camera, self.bands[self._rig.reference].camera.fx, SHAKE_DEG)
        self._responses = [
            Response(
                a1=float(rng.uniform(1.6e-4, 2.6e-4)),
                a2=float(rng.uniform(0.2e-7, 1.0e-7)),
                a3=float(rng.uniform(1, 8) * 1e-6),
            )
            for _ in self._rig.bands
        ]
        self._albedo_share = 1 + rng.uniform(-ALBEDO_ERROR, ALBEDO_ERROR, len(self.bands))
        self._sun_sensor = SunSensor(len(self.bands), rng)
        self._brightness = [band.vignetting.brightness(width, height) for band in self.bands]
        self._place = self._panel_place(rng)

    @property
    def reference(self) -> BandCamera:
        """Camera in whose photos ground points are marked."""
        return self.bands[self._rig.reference]

    @property
    def measures(self) -> Sequence[str]:
        """Bands."""
        return self._rig.names

    def photograph(self, out: Path, scene: Scene, progress: Callable[[float], None]) -> list[tuple[str, Shot]]:
        """Take and write every photo of survey and panels, and truth/panels.csv."""
        (out / "panels").mkdir(exist_ok=True)
        triggers = self._triggers()
        jobs = [(trigger, band) for trigger in triggers for band in range(len(self.bands))]

        def one(job: tuple[_Trigger, int]) -> tuple[str, Shot] | None:
            return self._take(out, scene, *job)

        shots = []
        with ThreadPoolExecutor(max_workers=self._options.workers) as pool:
            for done, shot in enumerate(pool.map(one, jobs), start=1):
                if shot is not None:
                    shots.append(shot)
                progress(done / len(jobs))
        rows = [
            [SERIAL, band.name, band.centre_nm, f"{printed:.5f}", f"{printed * share:.5f}"]
            for band, printed, share in zip(self._rig.bands, self._printed(), self._albedo_share, strict=True)
        ]
        write_table(out / "truth" / "panels.csv", ("serial", "band", "centre_nm", "printed", "true"), rows)
        return shots

    def tag_errors(self) -> dict[str, float]:
        """Largest error of every kind of tag."""
        pairs = [(band.camera, band.tagged) for band in self.bands]
        miss = self.survey.gps - np.array([station.centre for station in self.survey.stations])
        turn = [self._angle_error(band) for band in self.bands]
        return {
            "focal_share": max(abs(tagged.fx / true.fx - 1) for true, tagged in pairs),
            "principal_point_px": max(max(abs(b.cx - a.cx), abs(b.cy - a.cy)) for a, b in pairs),
            "rig_angle_deg": max(turn),
            "vignetting_share": max(corner_error(band) for band in self.bands),
            "panel_albedo_share": float(np.abs(self._albedo_share - 1).max()),
            "gps_horizontal_m_rms": float(np.sqrt((miss[:, :2] ** 2).sum(axis=1).mean())),
            "gps_vertical_m_rms": float(np.sqrt((miss[:, 2] ** 2).mean())),
            "clock_offset_s": abs(self.survey.clock_offset_s),
            **self._sun_sensor.errors(),
        }

    def _printed(self) -> FloatArray:
        return np.array([printed_albedo(band.centre_nm) for band in self._rig.bands])

    def _light(self, seconds: float) -> Light:
        return self._rig.light(self.survey.light(seconds))

    def _angle_error(self, band: BandCamera) -> float:
        return float(np.abs(np.subtract(band.tagged_rotation_deg, band.true_rotation_deg)).max())

    def _panel_place(self, rng: np.random.Generator) -> FloatArray:
        """Where the panel lies: on the open ground beside the first line, its top level."""
        xy = rng.uniform(-1.5, 1.5, 2)
        z = float(self.survey.terrain.height(xy[:1], xy[1:])[0]) + 0.05
        return np.array([*xy, z])

    def _triggers(self) -> list[_Trigger]:
        survey = self.survey
        before = self._panel_trigger(0, survey.stations[0].seconds - PANEL_GAP_S)
        after = self._panel_trigger(len(survey.stations) + 1, survey.stations[-1].seconds + PANEL_GAP_S)
        flown = [
            _Trigger(number=index, folder="images", station=station, gps=gps, panel=False)
            for index, (station, gps) in enumerate(zip(survey.stations, survey.gps, strict=True), start=1)
        ]
        return [before, *flown, after]

    def _panel_trigger(self, number: int, seconds: float) -> _Trigger:
        rng = np.random.default_rng((self._options.seed, 29, number))
        angles = rng.uniform(-12, 12), rng.uniform(-4, 4), rng.uniform(-4, 4)
        # held by hand: somewhat off the middle between code and grey square
        east, north = rng.uniform(-0.05, 0.05, 2)
        offset = np.array([east, north - 0.065, HEIGHT_M + rng.uniform(-0.05, 0.10)])
        station = Station(
            centre=self._place + offset,
            rotation=nadir_rotation(*angles),
            yaw_deg=float(angles[0]) % 360,
            pitch_deg=float(angles[1]),
            roll_deg=float(angles[2]),
            seconds=seconds,
        )
        gps = station.centre + rng.normal(0, WHITE_M) + rng.uniform(-0.5, 0.5, 3) * DRIFT_M
        return _Trigger(number=number, folder="panels", station=station, gps=gps, panel=True)

    def _take(self, out: Path, scene: Scene, trigger: _Trigger, index: int) -> tuple[str, Shot] | None:
        band, response = self.bands[index], self._responses[index]
        name = trigger.name(index)
        shot = shot_of(trigger.station, band, Path(name).name, self.survey.true_time(trigger.station.seconds))
        light = self._light(trigger.station.seconds)
        if trigger.panel:
            albedo = self._printed() * self._albedo_share
            panel = PanelScene(place=self._place, turn_deg=0.0, albedo=albedo, meadow=self._rig.reflectances())
            radiance = panel_radiance(scene, panel, band.camera, shot, band=index, light=light)
        else:
            table = self._rig.reflectances()[index : index + 1]
            share = float(light.direct_share[index])
            radiance = apparent_reflectance(scene, band.camera, shot, table, share)[0]
            radiance *= np.float32(light.level[index] / math.pi)
        exposure_s, gain = self._meter(trigger, index, float(light.level[index]))
        counts = response.counts(radiance, self._brightness[index], exposure_s, gain)
        pixels = digitise(counts, gain, np.random.default_rng((self._options.seed, 31, trigger.number, index)))
        write_band(out / name, pixels, self._tags(trigger, index, exposure_s, gain))
        return None if trigger.panel else (name, shot)

    def _meter(self, trigger: _Trigger, index: int, level: float) -> tuple[float, float]:
        """(exposure time, gain): after the light, with the meter's whims; in dim light and now and then gain 2."""
        rng = np.random.default_rng((self._options.seed, 37, trigger.number))
        band = self._rig.bands[index]
        typical = band.typical_panel if trigger.panel else band.typical
        gain = 2.0 if rng.uniform() < 0.12 or level < 0.25 else 1.0
        whim = math.exp(float(rng.normal(0, 0.10)))
        exposure = self._responses[index].exposure(typical * level / math.pi, METERED_COUNTS * whim, gain)
        return round(exposure * 1e6 / 5) * 5e-6, gain

    def _tags(self, trigger: _Trigger, index: int, exposure_s: float, gain: float) -> BandTags:
        site, band, seen = self.survey.site, self.bands[index], self._rig.bands[index]
        lon, lat = site.geographic(trigger.gps[None, :2])[0]
        moment = self.survey.tagged_time(trigger.station.seconds)
        light = self._light(trigger.station.seconds)
        rng = np.random.default_rng((self._options.seed, 43, trigger.number, index))
        sun = site.sun_vector(self.survey.true_time(trigger.station.seconds))
        return BandTags(
            model=self._rig.model,
            band=seen.name,
            centre_nm=seen.centre_nm,
            fwhm_nm=seen.fwhm_nm,
            index=index,
            reference=self._rig.reference,
            capture_id=f"SIM{self._options.seed:06d}C{trigger.number:010d}",
            flight_id=f"SIM{self._options.seed:017d}",
            time_utc=moment,
            lon=float(lon),
            lat=float(lat),
            alt_m=float(trigger.gps[2]),
            exposure_s=exposure_s,
            gain=gain,
            camera=band.tagged,
            rig_deg=band.tagged_rotation_deg,
            vignetting_centre=band.tagged_vignetting.centre,
            vignetting=band.tagged_vignetting.coefficients,
            response=self._responses[index],
            sun=self._sun_sensor.read(
                index,
                trigger.station,
                light,
                sun=(sun, site.sun(moment)),
                convergence_deg=site.convergence_deg,
                rng=rng,
            ),
        )
