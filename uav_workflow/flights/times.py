"""When a photo was taken: UTC where the file knows it, else the camera's own clock."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from uav_workflow.domain.tags import Tags

_QUARTER = 900.0
_CLOCK_AGREES_S = 2.5


def capture_times(tags: Tags, clock: str) -> tuple[datetime | None, datetime | None]:
    """(UTC, camera's local time) of a photo.

    UTC comes from a vendor's UTC tag, a GPS stamp, or the EXIF time with its offset, in this order; else it is None.
    A GPS stamp has whole seconds and may lag: where it lies a whole number of quarter hours (within 2.5 s) from
    the camera's clock, the clock with its fraction of a second is taken, shifted by these quarter hours.

    Parameters
    ----------
    tags : Tags
    clock : str
        ``utc`` when the camera writes its EXIF time in UTC (see `SensorProfile`).

    Returns
    -------
    time_utc : aware datetime or None
    time_local : naive datetime or None
        None when the camera's clock is UTC.
    """
    camera = camera_clock(tags)
    vendor = _vendor_utc(tags)
    if clock == "utc":
        camera_utc = camera.replace(tzinfo=UTC) if camera else None
        return vendor or camera_utc or gps_time(tags, None), None
    return vendor or _from_gps(tags, camera) or _from_offset(tags, camera), camera


def camera_clock(tags: Tags) -> datetime | None:
    """EXIF time with its fraction of a second as the camera wrote it; None when absent or before 2005 (unset clock).

    A negative ``SubSecTime`` (MicaSense firmware 3.3 and 5.1) is subtracted; leading zeros count.
    """
    for name, fraction in (("DateTimeOriginal", "SubSecTimeOriginal"), ("DateTime", "SubSecTime")):
        moment = _exif_datetime(tags.text(f"EXIF:{name}"))
        if moment is not None:
            sub = tags.text(f"EXIF:{fraction}") or tags.text("EXIF:SubSecTime") or ""
            return moment + timedelta(seconds=_fraction(sub))
    return None


def gps_time(tags: Tags, near: datetime | None) -> datetime | None:
    """GPS stamp in UTC; without a date stamp the day nearest to the camera's clock ``near``."""
    parts = tags.numbers("GPS:GPSTimeStamp")
    if len(parts) != 3:
        return None
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2]
    if not 0 <= seconds < 86401:
        return None
    day = _exif_datetime(f"{(tags.text('GPS:GPSDateStamp') or '')} 00:00:00")
    if day is not None:
        return (day + timedelta(seconds=seconds)).replace(tzinfo=UTC)
    if near is None:
        return None
    midnight = near.replace(hour=0, minute=0, second=0, microsecond=0)
    days = (midnight + timedelta(days=shift, seconds=seconds) for shift in (-1, 0, 1))
    return min(days, key=lambda moment: abs(moment - near)).replace(tzinfo=UTC)


def _from_gps(tags: Tags, camera: datetime | None) -> datetime | None:
    stamp = gps_time(tags, camera)
    if stamp is None or camera is None:
        return stamp
    offset = (stamp.replace(tzinfo=None) - camera).total_seconds()
    whole = round(offset / _QUARTER) * _QUARTER
    if abs(offset - whole) <= _CLOCK_AGREES_S and abs(whole) <= 15 * 3600:
        return (camera + timedelta(seconds=whole)).replace(tzinfo=UTC)
    return stamp


def _from_offset(tags: Tags, camera: datetime | None) -> datetime | None:
    if camera is None:
        return None
    for name in ("OffsetTimeOriginal", "OffsetTime", "OffsetTimeDigitized"):
        found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", tags.text(f"EXIF:{name}") or "")
        if found:
            minutes = int(found[2]) * 60 + int(found[3])
            shift = timedelta(minutes=minutes if found[1] == "+" else -minutes)
            return (camera - shift).replace(tzinfo=UTC)
    return None


def _vendor_utc(tags: Tags) -> datetime | None:
    text = tags.text("drone-dji:UTCAtExposure")
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.replace(":", "-", 2) if text[4:5] == ":" else text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _exif_datetime(text: str | None) -> datetime | None:
    found = re.match(r"(\d{4})[:/-](\d\d)[:/-](\d\d)[ T](\d\d):(\d\d):(\d\d)", text or "")
    if not found:
        return None
    try:
        moment = datetime(*(int(part) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:
        return None
    return moment if moment.year >= 2005 else None


def _fraction(text: str) -> float:
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    return sign * int(digits) / 10 ** len(digits) if digits.isdigit() else 0.0
