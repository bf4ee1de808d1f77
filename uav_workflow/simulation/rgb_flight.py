"""A flight with the RGB camera."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from flight_plans.presets import camera_preset
from uav_workflow.domain.reconstruction import Shot
from uav_workflow.simulation.cameras import BandCamera, plain
from uav_workflow.simulation.dji import RgbTags, develop, rgb_table, write_photo
from uav_workflow.simulation.options import SimulationOptions
from uav_workflow.simulation.photograph import apparent_reflectance
from uav_workflow.simulation.scene import Scene
from uav_workflow.simulation.survey import Survey, plan, shot_of

CORNER_LIGHT = 0.80
SHAKE_DEG = (1.0, 0.6, 0.6)
"""A gimbal holds the camera: yaw, pitch, roll."""
THIRD_STOP = 2 ** (1 / 3)
VISIBLE = (0, 1, 2)


class RgbFlight:
    """RGB photos of one flight; see `sensors.Sensor`."""

    channels = 3

    def __init__(self, options: SimulationOptions) -> None:
        preset = camera_preset("dji_phantom4_rgb")
        width, height = options.image_size or (preset.width_px, preset.height_px)
        # the field of view stays when the picture is made smaller
        camera = replace(preset, width_px=width, height_px=height, pixel_um=preset.pixel_um * preset.width_px / width)
        rng = np.random.default_rng((options.seed, 3))
        self._options = options
        self._preset = camera
        error = options.focal_tag_error
        self.bands = [
            plain((width, height), 24.0 / 36.0 * width, corner_light=CORNER_LIGHT, rng=rng, focal_error=error)
        ]
        self.survey: Survey = plan(options, camera, self.bands[0].camera.fx, SHAKE_DEG)
        self._vignetting = self.bands[0].vignetting.brightness(width, height)
        self._exposures = self._meter()

    @property
    def reference(self) -> BandCamera:
        """Camera in whose photos ground points are marked."""
        return self.bands[0]

    @property
    def measures(self) -> Sequence[str]:
        """Bands."""
        return ("Red", "Green", "Blue")

    def photograph(self, out: Path, scene: Scene, progress: Callable[[float], None]) -> list[tuple[str, Shot]]:
        """Take and write every photo."""

        def one(index: int) -> tuple[str, Shot]:
            return self._take(out, scene, index)

        shots = []
        with ThreadPoolExecutor(max_workers=self._options.workers) as pool:
            for shot in pool.map(one, range(len(self.survey.stations))):
                shots.append(shot)
                progress(len(shots) / len(self.survey.stations))
        return shots

    def tag_errors(self) -> dict[str, float]:
        """Largest error of every kind of tag."""
        true, tagged = self.bands[0].camera, self.bands[0].tagged
        miss = self.survey.gps - np.array([station.centre for station in self.survey.stations])
        return {
            "focal_share": abs(tagged.fx / true.fx - 1),
            "principal_point_px": max(abs(tagged.cx - true.cx), abs(tagged.cy - true.cy)),
            "gps_horizontal_m_rms": float(np.sqrt((miss[:, :2] ** 2).sum(axis=1).mean())),
            "gps_vertical_m_rms": float(np.sqrt((miss[:, 2] ** 2).mean())),
            "clock_offset_s": abs(self.survey.clock_offset_s),
        }

    def _meter(self) -> list[tuple[float, int]]:
        """(exposure time, ISO) of every photo: thirds of a stop after the light, with the meter's own whims."""
        rng = np.random.default_rng((self._options.seed, 13))
        settings = []
        for station in self.survey.stations:
            level = float(self.survey.light(station.seconds).level[list(VISIBLE)].mean())
            iso = 100 if level > 0.6 else 200
            wish = 1 / 1250 / level * 100 / iso * 1.25 * math.exp(float(rng.normal(0, 0.08)))
            settings.append((1 / 8000 * THIRD_STOP ** round(math.log(wish * 8000, THIRD_STOP)), iso))
        return settings

    def _take(self, out: Path, scene: Scene, index: int) -> tuple[str, Shot]:
        station = self.survey.stations[index]
        name = f"images/DJI_{index + 1:04d}.JPG"
        shot = shot_of(station, self.bands[0], Path(name).name, self.survey.true_time(station.seconds))
        light = self.survey.light(station.seconds)
        share = float(light.direct_share[list(VISIBLE)].mean())
        apparent = apparent_reflectance(scene, self.bands[0].camera, shot, rgb_table(), share)
        exposure_s, iso = self._exposures[index]
        level = float(light.level[list(VISIBLE)].mean())
        rng = np.random.default_rng((self._options.seed, 17, index))
        rgb = develop(apparent, self._vignetting, level * exposure_s * 1250 * iso / 100 / 1.25, iso, rng)
        write_photo(out / name, rgb, self._tags(name, index, exposure_s, iso))
        return name, shot

    def _tags(self, name: str, index: int, exposure_s: float, iso: int) -> RgbTags:
        rng = np.random.default_rng((self._options.seed, 19, index))
        station, site = self.survey.stations[index], self.survey.site
        place = self.survey.gps[index]
        lon, lat = site.geographic(place[None, :2])[0]
        take_off = float(self.survey.terrain.height(np.zeros(1), np.zeros(1))[0])
        yaw = station.yaw_deg + site.convergence_deg + float(rng.normal(0, 1.0))
        return RgbTags(
            name=name,
            time_utc=self.survey.tagged_time(station.seconds),
            lon=float(lon),
            lat=float(lat),
            alt_m=float(place[2]),
            relative_m=float(station.centre[2] - take_off + rng.normal(0, 0.2)),
            yaw_deg=yaw,
            flight_angles=(yaw + float(rng.normal(0, 1.5)), float(rng.normal(-3, 2)), float(rng.normal(0, 2))),
            exposure_s=exposure_s,
            iso=iso,
            focal_mm=self._preset.focal_mm,
            focal_35mm=24,
        )
