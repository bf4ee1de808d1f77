"""Records for the tests of the formats: one with everything, one with almost nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from uav_workflow.domain.campaign import Campaign, Creator
from uav_workflow.publication.record import (
    Check,
    PublishedFile,
    PublishedFlight,
    Record,
    Step,
    Validation,
    Verdict,
)

CREATED = datetime(2026, 8, 1, 9, tzinfo=UTC)


def bare(root: Path) -> Record:
    """A flight without a campaign.yaml."""
    return Record(
        identifier="20250705_plain",
        title=None,
        title_zh=None,
        campaign=Campaign(),
        created=CREATED,
        root=root,
        flights=(_flight("20250705_plain", 1.0),),
        files=(),
        steps=(),
    )


def full(root: Path) -> Record:
    """Two flights of a campaign with everything said."""
    return Record(
        identifier="meadow-2025",
        title="Long meadow, fractional vegetation cover, July 2025",
        title_zh="长草甸植被覆盖度2025年7月",
        campaign=Campaign(
            place="Long meadow",
            place_zh="长草甸",
            description="Cover of a meadow & its edges.",
            creators=(
                Creator(name="Ada Example", orcid="0000-0002-1825-0097", affiliation="Institute of Meadows"),
                Creator(name="Bo Example"),
            ),
            contact="Ada Example <ada@example.org>",
            funding=("Grant 42",),
            licence="CC-BY-4.0",
            keywords=("vegetation", "drone"),
            citation="Example et al. 2026",
        ),
        created=CREATED,
        root=root,
        flights=(_flight("20250705_one", 1.0), _flight("20250706_two", 1.5)),
        files=(
            PublishedFile(name="maps/cover one.tif", title="Cover", media_type="image/tiff", size=12, sha256="a" * 64),
            PublishedFile(name="samples.csv", title="Samples", media_type="text/csv", size=7, sha256="b" * 64),
        ),
        steps=steps(),
        checks=checks(),
        validations=(
            Validation(
                flight_id="20250705_one",
                variable="fvc",
                unit="1",
                method="quadrats",
                n=24,
                sites=2,
                figures={"rmse": 0.06, "r2": 0.9},
            ),
        ),
        software={"uav-workflow": "0.1.0"},
    )


def steps() -> tuple[Step, ...]:
    """An orthomosaic and the cover made from it."""
    return (
        Step(
            flight_id="20250705_one",
            kind="ortho",
            fingerprint="f1",
            created=datetime(2025, 7, 6, 8, tzinfo=UTC),
            parameters={"pixel_m": 0.05, "fast": True, "engine": {"name": "node", "tries": 2}, "none": None},
            inputs={"IMG_1.JPG": "c" * 64, "IMG_2.JPG": "d" * 64},
            upstream={},
            packages={"numpy": "2.4.6"},
        ),
        Step(
            flight_id="20250705_one",
            kind="cover",
            fingerprint="f2",
            created=datetime(2025, 7, 6, 9, tzinfo=UTC),
            parameters={},
            inputs={},
            upstream={"ortho": "f1", "reflectance": "f0"},
            packages={"numpy": "2.4.6", "scipy": "1.17.1"},
        ),
    )


def checks() -> tuple[Check, ...]:
    """One of each verdict."""
    one = "20250705_one"
    return (
        Check(flight_id=one, group="geometry", name="RMSE z", value="4 cm", bound="<= 5 cm", verdict=Verdict.PASSED),
        Check(flight_id=one, group="geometry", name="check points", value="", bound=">= 30", verdict=Verdict.NOT_MADE),
        Check(
            flight_id=one,
            group="completeness",
            name="valid share",
            value="0.91",
            bound=">= 0.95",
            verdict=Verdict.WAIVED,
            waived_by="Ada Example",
            reason="a lake lies in the area",
        ),
        Check(
            flight_id=one,
            group="calibrated_captures",
            name="panel-cv[NIR]",
            value="7 %",
            bound="<= 6 %",
            verdict=Verdict.FAILED,
            where="panels/IMG_1.tif",
        ),
    )


def _flight(name: str, west: float) -> PublishedFlight:
    return PublishedFlight(
        flight_id=name,
        site="meadow",
        start=datetime(2025, 7, int(name[6:8]), 10, tzinfo=UTC),
        end=datetime(2025, 7, int(name[6:8]), 11, tzinfo=UTC),
        bbox=(west, 43.0, west + 0.25, 43.5),
        crs="EPSG:32631",
        cells_m=(10.0, 20.0),
        pixel_m=0.05,
        variables=("fvc",),
    )
