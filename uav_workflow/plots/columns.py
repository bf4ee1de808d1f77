"""The columns of the plot table, each with its meaning, unit and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from uav_workflow.domain.product import Json

TEXT = "string"
NUMBER = "float64"
WHOLE = "int64"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Attributes
    ----------
    dtype : str
        Of pandas.
    meaning : str
        A sentence for people who open the table years later.
    unit : str
        UCUM; empty where the column has none.
    constraints : mapping
        In the words of Frictionless Table Schema.
    """

    dtype: str
    meaning: str
    unit: str = ""
    constraints: Mapping[str, Json] = field(default_factory=dict)


def _text(meaning: str, **constraints: Json) -> Column:
    return Column(dtype=TEXT, meaning=meaning, constraints=constraints)


def _number(meaning: str, unit: str = "", **constraints: Json) -> Column:
    return Column(dtype=NUMBER, meaning=meaning, unit=unit, constraints=constraints)


def _share(meaning: str) -> Column:
    return _number(meaning, "1", minimum=0, maximum=1)


COLUMNS: Mapping[str, Column] = {
    "row_id": Column(
        dtype=WHOLE, meaning="Number of the row in its flight's table", constraints={"required": True, "minimum": 0}
    ),
    "plot_id": _text("Plot", required=True),
    "site_id": _text("Site the plot belongs to"),
    "parent_plot_id": _text("Larger plot it lies in"),
    "vegetation_class": _text("Class of vegetation, as the file of plots has it"),
    "flight_id": _text("Flight, named by a digest of its photos", required=True),
    "campaign": _text("Campaign the flight belongs to"),
    "quadrat_shape": _text("Shape as it was set out"),
    "area_m2": _number("Area of the polygon in the map's CRS", "m2", minimum=0),
    "crs": _text("CRS of x, y and z: that of the flight's maps"),
    "x": _number("Easting of the centre", "m"),
    "y": _number("Northing of the centre", "m"),
    "z": _number("Mean height of the terrain model on the plot, in the flight's vertical reference", "m"),
    "pos_sigma_h_m": _number("Horizontal standard deviation of the position, as stated", "m", minimum=0),
    "pos_sigma_v_m": _number("Vertical standard deviation of the position, as stated", "m", minimum=0),
    "fix_type": _text("Kind of GNSS solution, as stated"),
    "offset_m": _number("Expected horizontal offset between plot and map, from what is known of both", "m", minimum=0),
    "match_level": _text(
        "Where it may be matched: on its own, with its parent plot, or nowhere", enum=["own", "parent", "none"]
    ),
    "obs_datetime_utc": _text("Time of the observation, ISO 8601; a day where only the day is known"),
    "flight_datetime_utc": _text("Middle of the flight in UTC, ISO 8601; a day where only the day is known"),
    "dt_days": _number("Observation minus flight", "d"),
    "source": _text("Who saw it", required=True, enum=["drone", "ground"]),
    "variable": _text("What was seen, such as fvc_green", required=True),
    "value": _number("Value, in the row's unit; empty with a reason"),
    "text": _text("Value of a variable in words, such as phenophase"),
    "unit": _text("UCUM unit of value, uncertainty and interval; 1 is a share or a ratio"),
    "uncertainty": _number("Uncertainty of the value, in its unit", minimum=0),
    "uncertainty_type": _text("What the uncertainty is: sd, one standard deviation"),
    "pi90_lo": _number("Lower end of the 90 % prediction interval, in the row's unit"),
    "pi90_hi": _number("Upper end of the 90 % prediction interval, in the row's unit"),
    "value_inner": _number("The same statistic inside the plot without its margin, in the row's unit"),
    "ring_mean": _number("Mean of the map in the ring around the plot, in the map's unit"),
    "ring_sd": _number("Standard deviation of the map in that ring: how patchy the surroundings are", minimum=0),
    "method": _text("How the value came about"),
    "method_version": _text("Version of uav-workflow that wrote the row"),
    "n_pixels": _number("Sum of the covered shares of the measured pixels; points where the method is a cloud's"),
    "valid_fraction": _share("Measured share of the plot's area"),
    "edge_share": _share("Share of the measured area that lies in pixels the outline cuts"),
    "shadow_fraction": _share("Share of the measured pixels in shadow"),
    "gsd_m": _number("Pixel of the map, or cell of the cloud", "m", exclusiveMinimum=0),
    "qc_flag": Column(
        dtype=WHOLE, meaning="Sum of the flags that are raised", constraints={"required": True, "minimum": 0}
    ),
    "reason": _text("Why the value is empty; on a ground row why it is not matched on its own plot"),
    "source_file": _text("File the value was read from"),
    "source_sha256": _text("Its SHA-256 digest", pattern="[0-9a-f]{64}"),
    "operator": _text("Who measured on the ground"),
    "licence": _text("Licence of the row"),
}
"""Columns beside geometry, in order. A missing value is empty, never a number."""
