"""Photos by the names that lists of points and positions give them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from uav_workflow.domain.flight import BandImage


def by_file_name(images: Iterable[BandImage]) -> dict[str, BandImage]:
    """Images under their name in the flight folder, and under the bare file name where only one has it."""
    images = list(images)
    counts = Counter(image.path.name for image in images)
    bare = {image.path.name: image for image in images if counts[image.path.name] == 1}
    return bare | {image.name: image for image in images}


def which_is_meant(name: str, images: Iterable[BandImage]) -> str:
    """Hint for a name that fits no photo: another spelling, or several photos of that name."""
    images = list(images)
    same = [image.name for image in images if image.path.name == name]
    if len(same) > 1:
        return f"several photos have that name; write it with its folder, as {same[0]}"
    near = next((image.path.name for image in images if image.path.name.lower() == name.lower()), None)
    return f"write {near}: names count upper and lower case" if near else "correct the name of the photo"
