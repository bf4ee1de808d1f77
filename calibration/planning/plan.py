"""What will be done with a flight: its panels, the light of every band, and what there is to say about both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from calibration.panels.gates import between_bands
from calibration.panels.search import PanelReading, PanelSearch, find_panels, panel_candidates
from calibration.pictures.clock import clock_jumps, without_clock
from calibration.pictures.frames import frame_gates
from calibration.pictures.image_file import MARK_TAG
from calibration.pictures.response import response
from calibration.planning.evidence import gather_evidence
from calibration.planning.factors import BandIllumination, illuminate
from calibration.planning.settings import CalibrationSettings
from calibration.planning.view import ViewCorrection
from calibration.sensors.model import RadiometricModel
from calibration.sun.gates import direct_gate, sun_gates
from calibration.sun.sky import Sky, classify
from uav_workflow.domain.flight import Band, BandImage, Capture, SensorProfile
from uav_workflow.domain.quality import Gate
from uav_workflow.errors import CalibrationError


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPlan:
    """Everything about a flight's light, before a survey picture is opened.

    Attributes
    ----------
    captures : tuple of Capture
        Survey captures, images of the rig's bands alone.
    panel_pictures : tuple of Capture
        Captures that show a panel, or are said to; the same images.
    panel_captures : tuple of str
        Identifiers of captures that show a panel.
    sky : Sky
        What the sky was, and so what was done.
    light : mapping
        Band name to its illumination, in wavelength order.
    quantity : str
        ``reflectance``, or ``relative`` when a band can't be tied to a panel or a sun sensor in SI units.
    scale : float
        Divisor of relative values, one for all bands: the largest full scale of any picture becomes 1.
    left_out : tuple of str
        Names of bands that are no reflectance.
    thermal : tuple of BandImage
        Pictures of temperatures.
    view : ViewCorrection or None
        What the direction of view does to brightness, where that is to be taken out; without models where it is asked
        for and can't be told.
    """

    model: RadiometricModel
    captures: tuple[Capture, ...]
    panel_pictures: tuple[Capture, ...]
    panels: tuple[PanelReading, ...]
    panel_captures: tuple[str, ...]
    silent_panel_captures: tuple[str, ...]
    bands: tuple[Band, ...]
    sky: Sky
    light: dict[str, BandIllumination]
    quantity: str
    scale: float
    left_out: tuple[str, ...]
    thermal: tuple[BandImage, ...]
    gates: tuple[Gate, ...]
    view: ViewCorrection | None = None

    def divisor(self, image: BandImage) -> float:
        """What a picture's radiance is divided by to become what the plan promises."""
        light = self.light[image.band.name]
        irradiance = light.irradiance.get(image.name, math.pi)
        return irradiance / math.pi * (self.scale if light.relative else 1.0)


class Pictures(Protocol):
    """What is calibrated: a Flight, or any captures of one camera."""

    @property
    def sensor(self) -> SensorProfile:
        """Profile of the camera."""

    @property
    def captures(self) -> tuple[Capture, ...]:
        """Captures in time order; panels may be among them."""

    @property
    def panel_captures(self) -> tuple[Capture, ...]:
        """Captures known to show a panel."""


def plan_calibration(flight: Pictures, settings: CalibrationSettings, *, panels_alone: bool = False) -> CalibrationPlan:
    """Find the panels of a flight and work out the light of every picture.

    Parameters
    ----------
    panels_alone : bool
        Captures of panels and nothing else are welcome too.

    Raises
    ------
    CalibrationError
        The camera has no radiometric profile, the pictures are already calibrated, a tag is missing, a panel of
        unknown reflectance or a saturated one was seen, or nothing but panels is left.
    """
    model = RadiometricModel.of(flight.sensor)
    captures, left_out = _band_images(flight.captures, model)
    marked, _ = _band_images(flight.panel_captures, model)
    every = [*captures, *marked]
    _refuse_calibrated(every)
    _refuse_unknown_places(every, settings)
    jumps = clock_jumps(every)
    gates = frame_gates(every, jumps, flight.sensor, model, settings.limits)
    if jumps:
        captures, marked = without_clock(captures), without_clock(marked)
    panels = _panels_of(captures, marked, model, settings)
    shown = {reading.capture_id for reading in panels}
    survey = tuple(capture for capture in captures if capture.capture_id not in shown)
    pictured = (*marked, *(capture for capture in captures if capture.capture_id in shown))
    if not survey and not (panels_alone and pictured):
        raise CalibrationError(
            "no survey capture is left: every capture shows a calibration panel or has no band image"
        )
    images = _by_band((*survey, *pictured) if panels_alone else survey)
    sky, light = _light_of(survey, pictured, panels, model, settings)
    light = {name: light[name] for name in images}
    relative = [name for name, band in light.items() if band.relative]
    gates += [
        *sun_gates(survey or pictured, settings.limits),
        *direct_gate(sky.evidence.direct_to_diffuse, settings.limits),
        *between_bands(panels, settings.limits),
        *(gate for band in light.values() for gate in band.gates),
    ]
    return CalibrationPlan(
        model=model,
        captures=survey,
        panel_pictures=pictured,
        panels=panels,
        panel_captures=tuple(sorted(shown)),
        silent_panel_captures=tuple(c.capture_id for c in marked if c.capture_id not in shown),
        bands=tuple(images[name][0].band for name in images),
        sky=sky,
        light=light,
        quantity="relative" if relative else "reflectance",
        scale=_common_scale(model, [(image, light[name]) for name in relative for image in images[name]]),
        left_out=left_out,
        thermal=_thermal(flight, model),
        gates=tuple(gates),
    )


def _light_of(
    survey: Sequence[Capture],
    pictured: Sequence[Capture],
    panels: Sequence[PanelReading],
    model: RadiometricModel,
    settings: CalibrationSettings,
) -> tuple[Sky, dict[str, BandIllumination]]:
    """Sky, and light of every band at survey pictures and at those of panels; the panel's alone without a survey."""
    flown, at_panel = _by_band(survey), _by_band(pictured)
    evidence, sensor = gather_evidence(
        flown or at_panel, at_panel, panels, model, use_sun_sensor=settings.use_sun_sensor
    )
    sky = classify(evidence, settings.sky, sensor=sensor)
    light = {}
    for name in {**flown, **at_panel}:
        images, others = (flown[name], at_panel.get(name, [])) if name in flown else (at_panel[name], [])
        readings = [reading for reading in panels if reading.band == name]
        light[name] = illuminate(images, others, readings, model, settings, sky=sky)
    return sky, light


def _panels_of(
    captures: Sequence[Capture], marked: Sequence[Capture], model: RadiometricModel, settings: CalibrationSettings
) -> tuple[PanelReading, ...]:
    """Panels in captures that are marked, and in the others; none where nobody wants them."""
    if not settings.use_panels:
        return ()
    search = settings.search
    return (*find_panels(marked, model, search), *_panels_among(captures, model, search))


def _thermal(flight: Pictures, model: RadiometricModel) -> tuple[BandImage, ...]:
    """Pictures of temperatures, those of panel captures too."""
    every = (image for capture in (*flight.captures, *flight.panel_captures) for image in capture.images)
    return tuple(image for image in every if image.band.name in model.thermal.bands)


def _panels_among(
    captures: Sequence[Capture], model: RadiometricModel, search: PanelSearch
) -> tuple[PanelReading, ...]:
    """Panels in captures nobody marked; one that can't be read is reported when its turn comes to be calibrated."""
    found: list[PanelReading] = []
    for capture in panel_candidates(captures, model, search):
        with suppress(CalibrationError):
            found += find_panels([capture], model, search)
    return tuple(found)


def _band_images(captures: Iterable[Capture], model: RadiometricModel) -> tuple[list[Capture], tuple[str, ...]]:
    """Captures with the images of the rig's bands alone, and the names of what was left out.

    Colour pictures and temperatures are no reflectance.
    """
    others = {"RGB", *model.thermal.bands}
    kept, left_out = [], set()
    for capture in captures:
        images = tuple(image for image in capture.images if image.band.name not in others)
        left_out |= {image.band.name for image in capture.images} & others
        if images:
            kept.append(Capture(capture_id=capture.capture_id, images=images, is_panel=capture.is_panel))
    return kept, tuple(sorted(left_out))


def _refuse_calibrated(captures: Sequence[Capture]) -> None:
    for capture in captures:
        for image in capture.images:
            if MARK_TAG in image.tags:
                raise CalibrationError(
                    f"{image.name}: the picture is already calibrated; give the pictures of the card"
                )


def _refuse_unknown_places(captures: Sequence[Capture], settings: CalibrationSettings) -> None:
    names = {image.name for capture in captures for image in capture.images}
    strange = sorted(set(settings.panel_places) - names)
    if strange:
        raise CalibrationError(
            f"a panel is said to be in {', '.join(strange)}, but there is no such picture; give names relative to the "
            f"folder, such as {min(names, default='IMG_0001_1.tif')}"
        )


def _by_band(captures: Iterable[Capture]) -> dict[str, list[BandImage]]:
    """Images by band name, bands in wavelength order."""
    found: dict[str, list[BandImage]] = {}
    for capture in captures:
        for image in capture.images:
            found.setdefault(image.band.name, []).append(image)
    return dict(sorted(found.items(), key=lambda item: item[1][0].band.centre_nm or math.inf))


def _common_scale(model: RadiometricModel, images: Sequence[tuple[BandImage, BandIllumination]]) -> float:
    """Largest full scale of the pictures that stay relative, 1 when there are none."""
    if not images:
        return 1.0
    full = [
        response(model, image).full_scale / light.irradiance.get(image.name, math.pi) * math.pi
        for image, light in images
    ]
    return max(full)
