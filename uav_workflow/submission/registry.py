"""The flights a workspace knows: one small record a flight, made at the door after the check."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from uav_workflow.domain.digest import fingerprint
from uav_workflow.domain.flight import Flight
from uav_workflow.errors import StoreError
from uav_workflow.findings import Finding
from uav_workflow.store import write_json


@dataclass(frozen=True, slots=True, kw_only=True)
class FlightRecord:
    """What tasks need to know of a flight before they run.

    Attributes
    ----------
    captured : str or None
        Time of the first capture in UTC; only its local day where the zone is unknown.
    sensor_kind : str
        ``rgb`` or ``multispectral``.
    inputs : mapping
        Role -> SHA-256 of each auxiliary file in that role.
    harvests : int
        Plots with a dry biomass measured.
    campaign_file : str or None
        The campaign.yaml that was read: beside the folder, or as the command named it.
    """

    flight_id: str
    folder: str
    site: str
    campaign: str | None
    captured: str | None
    sensor: str
    sensor_kind: str
    captures: int
    plots: int
    observations: int
    harvests: int
    allometry: str | None
    gsd_m: float | None
    inputs: dict[str, list[str]]
    findings: list[dict[str, str]]
    registered_utc: str = ""
    campaign_file: str | None = None

    @property
    def revision(self) -> str:
        """Digest of the files beside the photos, and of where they are."""
        return fingerprint([self.folder, self.campaign_file, self.inputs])


class Registry:
    """Records of flights below ``WORKSPACE/flights``."""

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / "flights"

    def register(self, flight: Flight, findings: Sequence[Finding]) -> FlightRecord:
        """Write the flight's record and return it."""
        record = record_of(flight, findings)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_json(self._folder / f"{flight.flight_id}.json", asdict(record))
        return record

    def find(self, flight_id: str) -> FlightRecord:
        """Return the record of a flight.

        Raises
        ------
        StoreError
            The workspace does not know the flight, or the record is broken.
        """
        path = self._folder / f"{flight_id}.json"
        try:
            return FlightRecord(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as exc:
            raise StoreError(f"flight {flight_id} is not registered here ({self._folder}); `uav run` does it") from exc
        except (ValueError, TypeError) as exc:
            raise StoreError(f"{path}: not a flight record ({exc}); run the folder again") from exc

    def __iter__(self) -> Iterator[FlightRecord]:
        for path in sorted(self._folder.glob("*.json")):
            yield self.find(path.stem)


def record_of(flight: Flight, findings: Sequence[Finding]) -> FlightRecord:
    """Sum a flight up for the registry."""
    times = [capture.time_utc for capture in flight.captures if capture.time_utc is not None]
    captured = min(times).isoformat() if times else None
    if captured is None:
        captured = _local_day(flight)
    harvested = {row.plot_id for row in flight.observations if row.variable == "agb_dry" and row.value is not None}
    inputs: dict[str, list[str]] = {}
    for file in flight.inputs:
        inputs.setdefault(file.role, []).append(file.sha256)
    gsd = flight.geometry.gsd_m
    return FlightRecord(
        flight_id=flight.flight_id,
        folder=str(flight.folder.resolve()),
        site=flight.site,
        campaign=flight.details.campaign,
        captured=captured,
        sensor=flight.sensor.name,
        sensor_kind=flight.sensor.kind,
        captures=len(flight.captures),
        plots=len(flight.plots),
        observations=len(flight.observations),
        harvests=len(harvested),
        allometry=flight.details.allometry,
        gsd_m=None if math.isnan(gsd) else gsd,
        inputs={role: sorted(digests) for role, digests in sorted(inputs.items())},
        findings=[finding.to_json() for finding in findings],
        registered_utc=datetime.now(UTC).isoformat(timespec="seconds"),
        campaign_file=next((str(file.path.resolve()) for file in flight.inputs if file.role == "campaign"), None),
    )


def _local_day(flight: Flight) -> str | None:
    if flight.details.date is not None:
        return flight.details.date.isoformat()
    local = [capture.primary.time_local for capture in flight.captures if capture.primary.time_local is not None]
    return min(local).date().isoformat() if local else None
