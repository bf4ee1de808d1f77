"""geo.txt as a node gets it: the user's lines under the names of the upload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from uav_workflow.domain.flight import BandImage
from uav_workflow.flights.crs import parse_crs
from uav_workflow.flights.names import by_file_name
from uav_workflow.flights.text import read_text


def write_position_file(source: Path, images: Sequence[BandImage], names: Mapping[str, str], path: Path) -> Path | None:
    """Write geo.txt for a node; figures stay as written, and a CRS with a code is named by it.

    A user may write a photo with its folder, or several photos of one name are sent under others: a node would pass
    such lines over without a word.

    Parameters
    ----------
    names : mapping
        Image name in the flight folder to name on the node; lines of images that are not sent are left out.

    Returns
    -------
    Path or None
        None, and nothing is written, when no line is left.
    """
    lines = [line.strip() for line in read_text(source, source.name).lines]
    lines = [line for line in lines if line and not line.startswith("#")]
    by_name = by_file_name(images)
    sent = []
    for line in lines[1:]:
        name, *figures = line.split()
        image = by_name.get(name)
        if image is not None and image.name in names:
            sent.append(" ".join((names[image.name], *figures)))
    if not sent:
        return None
    crs = parse_crs(lines[0])
    head = crs if crs is not None and crs.startswith("EPSG:") else lines[0]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *sent]) + "\n", encoding="utf-8")
    return path
