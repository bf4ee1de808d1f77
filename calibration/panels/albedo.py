"""Reflectance of calibration panels: tables by serial number, and the line a newer panel carries in its code."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from io import StringIO
from pathlib import Path

import numpy as np

from uav_workflow.errors import CalibrationError

_COLUMNS = ("serial", "centre_nm", "albedo")
RULE = ("table", "tag", "code", "shipped")
_MARGIN_NM = 15.0
"""How far outside its tabulated wavelengths a panel is still known."""
_USUAL_RELATIVE_SD = 0.05
_CODE = re.compile(r"(?P<serial>RP(?P<version>\d{2})-\d{7}-[A-Z]{2})(?:.*?(?P<line>\d{14}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Albedo:
    """Reflectance of a panel in one band, its relative standard uncertainty, and where it is from."""

    value: float
    relative_sd: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelCode:
    """What the QR code of a MicaSense panel says.

    Attributes
    ----------
    serial : str
        ``RPvv-nnnnnnn-XX``; vv is the version of the panel's geometry.
    line : ((nm, albedo), (nm, albedo)) or None
        Two points of the panel's spectrum, printed from version 4 on; linear between them.
    """

    serial: str
    version: int
    line: tuple[tuple[float, float], tuple[float, float]] | None

    @classmethod
    def parse(cls, text: str) -> PanelCode | None:
        """Code of a panel, or None when the text is another QR code's."""
        match = _CODE.fullmatch(text.strip())
        if match is None:
            return None
        version, digits = int(match["version"]), match["line"]
        line = None
        if digits is not None and version >= 4:
            line = (
                (float(digits[0:4]), float(digits[4:7]) / 1000),
                (float(digits[7:11]), float(digits[11:14]) / 1000),
            )
        return cls(serial=match["serial"], version=version, line=line)


Spectrum = tuple[tuple[float, float, float], ...]
"""Rows of (nm, albedo, relative standard uncertainty), by wavelength."""


@dataclass(frozen=True, slots=True)
class PanelTable:
    """Spectra by serial number; the user's come before a panel's own code, the shipped ones after."""

    own: Mapping[str, Spectrum]
    shipped: Mapping[str, Spectrum]
    relative_sd: float | None = None
    """Stated for all panels, over what tables say."""

    @classmethod
    def load(
        cls,
        tables: Iterable[Path] = (),
        values: Mapping[str, Mapping[float, float]] | None = None,
        *,
        relative_sd: float | None = None,
    ) -> PanelTable:
        """Shipped tables (``calibration/panels/*.csv``) and the user's.

        Parameters
        ----------
        tables : iterable of Path
            CSV with the columns serial, centre_nm, albedo and optionally relative_sd.
        values : mapping, optional
            The same as serial to wavelength to reflectance; they come before the tables.

        Raises
        ------
        CalibrationError
            A table misses a column or holds an impossible value.
        """
        shipped: dict[str, Spectrum] = {}
        for item in sorted(files("calibration").joinpath("panels").iterdir(), key=lambda item: item.name):
            if item.name.endswith(".csv") and item.name != "markers.csv":
                shipped |= _parse(item.read_text(encoding="utf-8"), item.name)
        own: dict[str, Spectrum] = {}
        for path in tables:
            try:
                own |= _parse(path.read_text(encoding="utf-8-sig"), str(path))
            except (OSError, UnicodeDecodeError) as exc:
                raise CalibrationError(f"{path}: the panel table can't be read ({exc})") from exc
        for serial, spectrum in (values or {}).items():
            rows = "".join(f"\n{serial},{nm},{albedo}" for nm, albedo in spectrum.items())
            own |= _parse(",".join(_COLUMNS) + rows, "values of the recipe")
        return cls(own, shipped, relative_sd)

    def albedo(
        self,
        serial: str | None,
        code: PanelCode | None,
        centre_nm: float | None,
        *,
        tagged: float | None = None,
        rule: Sequence[str] = RULE,
    ) -> Albedo | None:
        """Reflectance at a wavelength, or None when nobody knows it: there is no default panel.

        Parameters
        ----------
        tagged : float, optional
            What the camera itself says of the panel.
        rule : sequence of str
            Who is asked, in this order (see `PanelRule`).
        """
        asked = (self._answer(who, serial, code, centre_nm, tagged) for who in rule)
        found = next((albedo for albedo in asked if albedo is not None), None)
        return found if found is None or self.relative_sd is None else replace(found, relative_sd=self.relative_sd)

    def _answer(
        self, who: str, serial: str | None, code: PanelCode | None, centre_nm: float | None, tagged: float | None
    ) -> Albedo | None:
        if who == "tag":
            if tagged is None or not 0 < tagged <= 1:
                return None
            return Albedo(value=tagged, relative_sd=_USUAL_RELATIVE_SD, source="tag of the camera")
        if who == "code":
            line = code.line if code is not None else None
            spectrum = tuple((nm, rho, _USUAL_RELATIVE_SD) for nm, rho in line) if line else None
            return _interpolate(spectrum, centre_nm, "code of the panel")
        spectra, source = (self.own, "table of the user") if who == "table" else (self.shipped, "table shipped")
        return _interpolate(spectra.get(serial or ""), centre_nm, source)


def _interpolate(spectrum: Spectrum | None, centre_nm: float | None, source: str) -> Albedo | None:
    if spectrum is None or centre_nm is None:
        return None
    nm, albedo, sd = np.array(spectrum).T
    if not nm[0] - _MARGIN_NM <= centre_nm <= nm[-1] + _MARGIN_NM:
        return None
    return Albedo(
        value=float(np.interp(centre_nm, nm, albedo)), relative_sd=float(np.interp(centre_nm, nm, sd)), source=source
    )


def _parse(text: str, where: str) -> dict[str, Spectrum]:
    reader = csv.DictReader(StringIO(text))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise CalibrationError(
            f"{where}: the panel table has no column {', '.join(missing)}; it needs {', '.join(_COLUMNS)}, optionally "
            "relative_sd"
        )
    spectra: dict[str, list[tuple[float, float, float]]] = {}
    for number, row in enumerate(reader, start=2):
        try:
            nm, albedo = float(row["centre_nm"]), float(row["albedo"])
            sd = float(row.get("relative_sd") or _USUAL_RELATIVE_SD)
        except ValueError as exc:
            raise CalibrationError(f"{where} line {number}: {exc}") from exc
        if not (0 < albedo <= 1 and 200 < nm < 20000 and 0 <= sd < 1):
            raise CalibrationError(
                f"{where} line {number}: albedo {albedo} at {nm} nm is impossible; "
                "albedo lies in 0 - 1, centre_nm is in nm"
            )
        spectra.setdefault(row["serial"].strip(), []).append((nm, albedo, sd))
    return {serial: tuple(sorted(rows)) for serial, rows in spectra.items()}
