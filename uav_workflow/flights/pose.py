"""Where a camera was and where it looked, from the tags of one photo."""

from __future__ import annotations

import math

from uav_workflow.domain.flight import Attitude, Position
from uav_workflow.domain.tags import Tags


def position_of(tags: Tags) -> Position | None:
    """WGS84 position with the vendor's accuracy; None without a GPS fix (status ``V``, zeros, or out of range)."""
    if tags.text("GPS:GPSStatus") == "V":
        return None
    lat = _degrees(tags, "GPS:GPSLatitude", "S")
    lon = _degrees(tags, "GPS:GPSLongitude", "W")
    if lat is None or lon is None:
        lat = _first(tags, "drone-dji:GpsLatitude", "drone-dji:Latitude")
        lon = _first(tags, "drone-dji:GpsLongitude", "drone-dji:GpsLongtitude", "drone-dji:Longitude")
    if lat is None or lon is None or not (abs(lat) <= 90 and abs(lon) <= 180) or (lat == 0 and lon == 0):
        return None
    sigma_h, sigma_v = _accuracy(tags)
    return Position(lon=lon, lat=lat, alt_m=_altitude(tags), sigma_h_m=sigma_h, sigma_v_m=sigma_v)


def attitude_of(tags: Tags) -> Attitude | None:
    """Camera attitude: DJI's gimbal angles (pitch -90 is nadir), or Pix4D's ``Camera:`` angles (pitch 0 is nadir)."""
    for names, pitch_shift in (
        (("drone-dji:GimbalYawDegree", "drone-dji:GimbalPitchDegree", "drone-dji:GimbalRollDegree"), 0.0),
        (("Camera:Yaw", "Camera:Pitch", "Camera:Roll"), -90.0),
    ):
        angles = [tags.number(name) for name in names]
        yaw, pitch, roll = angles
        if yaw is not None and pitch is not None and roll is not None and all(map(math.isfinite, (yaw, pitch, roll))):
            return Attitude(yaw_deg=yaw, pitch_deg=pitch + pitch_shift, roll_deg=roll)
    return None


def relative_altitude(tags: Tags) -> float | None:
    """Height above the take-off point, metres, where the drone writes it."""
    return _first(tags, "drone-dji:RelativeAltitude", "Camera:AboveGroundAltitude")


def _degrees(tags: Tags, key: str, negative: str) -> float | None:
    parts = tags.numbers(key)
    if not parts or not all(map(math.isfinite, parts)):
        return None
    value = math.fsum(part / 60**place for place, part in enumerate(parts[:3]))
    reference = (tags.text(f"{key}Ref") or "").upper()
    return -value if reference.startswith(negative) else value


def _altitude(tags: Tags) -> float | None:
    value = tags.number("GPS:GPSAltitude")
    if value is None:
        return _first(tags, "drone-dji:AbsoluteAltitude")
    return -value if tags.number("GPS:GPSAltitudeRef") == 1 and value > 0 else value


def _accuracy(tags: Tags) -> tuple[float | None, float | None]:
    deviations = [tags.number("drone-dji:RtkStdLon"), tags.number("drone-dji:RtkStdLat")]
    known = [value for value in deviations if value is not None]
    horizontal = max(known) if known else _first(tags, "Camera:GPSXYAccuracy", "GPS:GPSHPositioningError")
    vertical = _first(tags, "drone-dji:RtkStdHgt", "Camera:GPSZAccuracy")
    return (horizontal if horizontal and horizontal > 0 else None, vertical if vertical and vertical > 0 else None)


def _first(tags: Tags, *names: str) -> float | None:
    return next((value for name in names if (value := tags.number(name)) is not None), None)
