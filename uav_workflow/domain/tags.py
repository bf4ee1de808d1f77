"""EXIF and XMP tags of one image, under one flat set of names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

TagValue = str | float | int | tuple[str | float | int, ...]


@dataclass(frozen=True, slots=True)
class Tags:
    """Flat, immutable view of an image's metadata.

    EXIF keys read ``EXIF:ExposureTime``, GPS keys ``GPS:GPSLatitude``; XMP keys keep their usual prefix and local
    name (``Camera:BandName``, ``drone-dji:GimbalPitchDegree``) whatever namespace URI the vendor bound it to.
    An XMP sequence is a tuple of its items as text.
    """

    values: Mapping[str, TagValue] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def get(self, key: str) -> TagValue | None:
        """Value as stored, or None."""
        return self.values.get(key)

    def text(self, key: str) -> str | None:
        """Value as stripped text (first item of a sequence), or None when absent or empty."""
        value = self.values.get(key)
        if isinstance(value, tuple):
            value = value[0] if value else None
        if value is None:
            return None
        return str(value).strip("\x00 \t\r\n") or None

    def number(self, key: str) -> float | None:
        """Value as float ("+50.0" and "1/250" are understood), or None when absent or not a number."""
        numbers = self.numbers(key)
        return numbers[0] if numbers else None

    def numbers(self, key: str) -> tuple[float, ...]:
        """Every number of a sequence, a comma list or a blank-separated list; empty when absent or not numeric."""
        value = self.values.get(key)
        if value is None:
            return ()
        items = value if isinstance(value, tuple) else (value,)
        try:
            return tuple(number for item in items for number in _parse_numbers(item))
        except (ValueError, ZeroDivisionError):
            return ()


def _parse_numbers(item: str | float) -> Iterator[float]:
    if not isinstance(item, str):
        yield float(item)
        return
    for part in item.strip("\x00").replace(",", " ").replace(";", " ").split():
        numerator, slash, denominator = part.partition("/")
        yield float(numerator) / float(denominator) if slash else float(part)
