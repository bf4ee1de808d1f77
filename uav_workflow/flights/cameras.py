"""Whether the photos of a folder come from one camera, used one way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from uav_workflow.domain.flight import BandImage, Capture, SensorProfile
from uav_workflow.findings import Finding, error, info, warning
from uav_workflow.flights.bands import usual_band_name
from uav_workflow.flights.sensors import profile_of
from uav_workflow.flights.wording import counted, listed

_OBLIQUE_DEG = 15.0
_INFRARED = frozenset({"Red edge", "NIR"})


def check_cameras(images: Sequence[BandImage], profile: SensorProfile) -> list[Finding]:
    """``mixed-cameras``: an error where band images come from several cameras, a warning where RGB photos do."""
    counts = Counter(_camera(image) for image in images)
    bands = Counter(_camera(image) for image in images if image.band.name != "RGB")
    if len(bands) > 1:
        message = f"band images of {len(bands)} cameras are mixed: {_said(bands)}"
        hint = "put the captures of each camera into a folder of their own"
        return [error("mixed-cameras", "images", message, hint)]
    if len(counts) > 1:
        rest = [image.name for image in images if _camera(image) != counts.most_common(1)[0][0]]
        message = f"photos of {len(counts)} cameras are mixed: {_said(counts)}"
        hint = "one flight is one camera; put the others into a folder of their own"
        return [warning("mixed-cameras", listed(rest), message, hint)]
    serials = Counter(image.serial for image in images if image.serial)
    if len(serials) > 1 and profile.kind == "rgb":
        message = f"photos of {len(serials)} bodies of the same model are mixed"
        return [info("mixed-bodies", "images", message, "their lenses differ a little; the focal length is shared")]
    return []


def check_colours(
    images: Sequence[BandImage], profile: SensorProfile, profiles: Sequence[SensorProfile], *, named: bool = False
) -> list[Finding]:
    """``mixed-colours``: three-channel pictures through an infrared filter, whose channels mix bands.

    An error: cover, indices and biomass would be read from colours that are none. A warning where flight.yaml names a
    plain camera (`named`), since geometry needs no colours.
    """
    if profile.kind != "rgb":
        return []
    odd = [image for image in images if profile.mixed_colours or _has_mixed_colours(image, profiles)]
    if not odd:
        return []
    names = listed(image.name for image in odd)
    what = f"the channels of {counted(len(odd), 'picture', 'are')} not red, green and blue but infrared bands, mixed"
    geometry = "orthomosaic as a picture, dsm, dtm and point cloud"
    if named and not profile.mixed_colours:
        message = f"{what}; flight.yaml takes them for a plain camera's ('{profile.name}')"
        hint = f"run with --until point_cloud and use {geometry}; cover, indices and biomass would be wrong"
        return [warning("mixed-colours", names, message, hint)]
    message = f"{what}, which the workflow can't separate: no cover, indices or biomass can be had from them"
    hint = f"submit the photos of the RGB body; for {geometry} alone write 'sensor: generic_rgb' into flight.yaml"
    return [error("mixed-colours", names, message, f"{hint} and run with --until point_cloud")]


def _has_mixed_colours(image: BandImage, profiles: Sequence[SensorProfile]) -> bool:
    """By its camera, or by the names its own tags give the channels."""
    if image.band.name != "RGB":
        return False
    channels = image.tags.get("Camera:BandName")
    if isinstance(channels, tuple) and not _INFRARED.isdisjoint(usual_band_name(str(name)) for name in channels):
        return True
    return profile_of(image.make, image.model, profiles, tags=image.tags, rgb=True).mixed_colours


def check_sizes(captures: Sequence[Capture]) -> list[Finding]:
    """``mixed-sizes``: a photo of another size than most of its band has."""
    sizes: dict[str, Counter[tuple[int, int]]] = {}
    images = [image for capture in captures for image in capture.images]
    for image in images:
        sizes.setdefault(image.band.name, Counter())[image.width, image.height] += 1
    usual = {band: counts.most_common(1)[0][0] for band, counts in sizes.items()}
    odd = [image for image in images if (image.width, image.height) != usual[image.band.name]]
    if not odd:
        return []
    width, height = usual[odd[0].band.name]
    message = (
        f"{counted(len(odd), 'photo', 'have')} not {width} x {height} pixels like the others"
        f" but {listed(sorted({f'{image.width} x {image.height}' for image in odd}))}"
    )
    hint = "use the photos as the camera wrote them: no cropped, turned or shrunk copies, one picture format a flight"
    return [warning("mixed-sizes", listed(image.name for image in odd), message, hint)]


def check_orientation(captures: Sequence[Capture]) -> list[Finding]:
    """``exif-orientation``: photos that ask to be turned when shown; the workflow takes pixels as they are stored."""
    turned = [image.name for capture in captures for image in capture.images if image.orientation != 1]
    if not turned:
        return []
    total = sum(len(capture.images) for capture in captures)
    message = f"{len(turned)} of {total} photos carry an EXIF orientation; pixels are used as stored"
    if len(turned) == total:
        return [info("exif-orientation", listed(turned), message)]
    return [warning("exif-orientation", listed(turned), message, "switch off the camera's auto-rotation")]


def check_oblique(captures: Sequence[Capture]) -> list[Finding]:
    """``oblique-photos``: the camera looks more than 15 degrees away from straight down."""
    tilted = [(capture, tilt) for capture in captures if (tilt := off_nadir_deg(capture)) > _OBLIQUE_DEG]
    if not tilted:
        return []
    largest = max(tilt for _, tilt in tilted)
    names = listed(capture.primary.name for capture, _ in tilted)
    message = f"{len(tilted)} of {len(captures)} photos look up to {largest:.0f}° away from straight down"
    if len(tilted) > len(captures) / 2:
        return [
            warning("oblique-photos", names, message, "GSD, overlap and cover are for nadir; turn the gimbal to -90°")
        ]
    return [warning("oblique-photos", names, message, "move photos of take-off, landing and views out of the folder")]


def check_focal(captures: Sequence[Capture]) -> list[Finding]:
    """``focal-unknown`` and ``focal-guessed``: how well the focal length is known before the adjustment."""
    sources = Counter(capture.primary.focal_source for capture in captures)
    source = sources.most_common(1)[0][0]
    if not source:
        message = "the focal length is unknown: neither tags nor the sensor profile tell it"
        hint = "add the lens to a sensor profile (UAV_SENSORS), or keep the EXIF tags of the camera"
        return [warning("focal-unknown", "images", message, hint)]
    if source == "35 mm equivalent":
        message = "the focal length is guessed from the 35 mm equivalent, which is rounded and wrong for cropped photos"
        return [
            info(
                "focal-guessed", "images", message, "add the lens to a sensor profile (UAV_SENSORS) for a better start"
            )
        ]
    return []


def off_nadir_deg(capture: Capture) -> float:
    """Angle between the view axis and straight down, degrees; NaN without attitude.

    A DJI gimbal's roll turns the picture, or is 180 when it hangs flipped over; rolls of a fixed camera tilt it.
    """
    attitude = capture.attitude
    if attitude is None:
        return math.nan
    pitch = math.radians(attitude.pitch_deg + 90)
    roll = 0.0 if "drone-dji:GimbalRollDegree" in capture.primary.tags else math.radians(attitude.roll_deg)
    return math.degrees(math.acos(max(-1.0, min(1.0, math.cos(pitch) * math.cos(roll)))))


def _camera(image: BandImage) -> str:
    return (
        " ".join(part for part in (image.make, image.model.removeprefix(image.make).strip()) if part)
        or "unknown camera"
    )


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count} of {name}" for name, count in counts.most_common())
