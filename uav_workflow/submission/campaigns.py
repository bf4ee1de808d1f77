"""The campaign that flights of a workspace belong to: as the command names it, or as they were run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from uav_workflow.domain.campaign import Campaign
from uav_workflow.errors import FlightDataError, UsageError
from uav_workflow.findings import Finding, has_errors
from uav_workflow.flights.campaign import read_campaign
from uav_workflow.submission.registry import FlightRecord


def campaign_of(flights: Iterable[FlightRecord], named: Path | None) -> tuple[Campaign, list[Finding]]:
    """Read the campaign file of the flights; an empty campaign where they were run without one.

    Parameters
    ----------
    flights : iterable of FlightRecord
    named : Path or None
        campaign.yaml of the command; the one the flights were run with when None.

    Raises
    ------
    UsageError
        The flights were run with several files, or the file is not there.
    FlightDataError
        The file can't be read.
    """
    files = {named} if named else {Path(flight.campaign_file) for flight in flights if flight.campaign_file}
    if len(files) > 1:
        listed = ", ".join(sorted(map(str, files)))
        raise UsageError(f"the flights were run with {len(files)} campaign files ({listed}); choose by --campaign")
    if not files:
        return Campaign(), []
    path = files.pop()
    if not path.is_file():
        raise UsageError(f"{path} is not there; name the campaign's file by --campaign")
    campaign, findings = read_campaign(path, path.name)
    if campaign is None or has_errors(findings):
        raise FlightDataError(f"{path}: can't be read; nothing was written", findings)
    return campaign, findings
