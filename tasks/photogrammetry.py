"""From captures to whatever a node makes of them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.captures import CalibratedCaptures
from tasks.node import node_for
from tasks.product import ProductTask, logger
from tasks.scope import Scope
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import Json
from uav_workflow.settings import Settings
from uav_workflow.store import Draft

if TYPE_CHECKING:
    from uav_workflow.findings import Finding
    from uav_workflow.photogrammetry.patience import Patience
    from uav_workflow.photogrammetry.task_order import TaskResult

ASSETS = "assets"
SENT = "sent"
PHOTOS = f"{SENT}/photos.txt"
OUTPUTS = (
    "odm_orthophoto",
    "odm_dem",
    "odm_georeferencing",
    "odm_report",
    "opensfm/reconstruction.json",
    "images.json",
    "cameras.json",
    "log.json",
    "task_output.txt",
)
"""What is asked of the node: its default list plus the poses, less tiles, meshes and textures."""

PROTECTING = ("texturing-skip-global-seam-leveling",)
"""Options that keep a node from evening out colours; left out where a node has nothing of the kind to switch off."""

SHARES = {"uploading": (0.0, 0.1), "queued": (0.1, 0.1), "running": (0.1, 0.9), "downloading": (0.9, 1.0)}
"""Part of the task's progress bar each stage of the client takes."""


class NodeTask(ProductTask):
    """The node's work on a flight: everything it handed back, as it came."""

    kind = "node_task"
    sections = ("photogrammetry",)
    roles = ("positions", "adjusting_points")
    resources = {"node": 1}  # noqa: RUF012 - luigi reads a plain dictionary

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Calibrated captures where there are any."""
        return () if CalibratedCaptures.reason_not_made(scope) else (CalibratedCaptures,)

    def make(self, draft: Draft) -> None:
        """Upload, wait, download, verify."""
        from uav_workflow.photogrammetry.client import run_task
        from uav_workflow.photogrammetry.identity import task_uuid
        from uav_workflow.photogrammetry.task_order import TaskOrder
        from uav_workflow.photogrammetry.verification import discard_unasked, verify

        flight = self.read_flight()
        photos = self._photos(flight)
        files = photos | self._texts(flight, draft.path / SENT)
        options = node_options(self.scope)
        order = TaskOrder(
            task_uuid=task_uuid(self.flight, self.address.fingerprint, options),
            name=f"{self.scope.record.site} {self.flight}",
            files=files,
            options=options,
            outputs=OUTPUTS,
            dispensable=PROTECTING,
            may_lower=self.scope.recipe.photogrammetry.lower_on_memory,
        )
        with node_for(Path(self.workspace)) as node:
            self.track(str(node.address))
            result = run_task(
                node.address,
                order,
                work=self.scope.scratch / f"node-{self.address.fingerprint}",
                on_progress=self._follow,
                patience=self.patience(),
                find_node=node.find,
            )
        findings = lowered_findings(result) + discard_unasked(result.assets, options)
        zone, bands = flight.geometry.crs, band_names(flight)
        findings += verify(result.assets, options, crs=zone, bands=bands)
        draft.findings.extend(findings)
        draft.facts.update(task_facts(result))
        (draft.path / SENT).mkdir(exist_ok=True)
        (draft.path / PHOTOS).write_text("".join(f"{name}\n" for name in sorted(photos)), encoding="utf-8")
        result.assets.rename(draft.path / ASSETS)

    @classmethod
    def patience(cls) -> Patience:
        """Bounds of the client on this machine."""
        from uav_workflow.photogrammetry.patience import Patience

        return Patience(budget_s=3600 * Settings().node_budget_h)

    def run(self) -> None:
        """Make the product; the task may go from the node once the product is published, not a moment before."""
        super().run()
        uuid = self.output().product().facts.get("uuid")
        if uuid and Settings().node_remove_tasks:
            from uav_workflow.photogrammetry.connection import Connection
            from uav_workflow.photogrammetry.download import remove_task

            with node_for(Path(self.workspace)) as node:
                remove_task(Connection(node.address, self.patience()), str(uuid))

    def _photos(self, flight: Flight) -> dict[str, Path]:
        """Upload name to file: calibrated images where there are any."""
        calibrated = self.products().get(CalibratedCaptures.kind)
        names = image_names(flight)
        return {
            sent: calibrated.file(name) if calibrated else flight.folder / name
            for name, sent in names.items()
            if calibrated is None or calibrated.file(name).is_file()
        }

    def _texts(self, flight: Flight, sent: Path) -> dict[str, Path]:
        """Positions and control points under the names of the upload, check points cut; kept in the product."""
        from uav_workflow.photogrammetry.control_file import write_control_file
        from uav_workflow.photogrammetry.position_file import write_position_file

        names, zone = image_names(flight), flight.geometry.crs
        images = [image for capture in flight.captures for image in capture.images]
        geo = next((file.path for file in flight.inputs if file.role == "positions"), None)
        files = {
            "geo.txt": write_position_file(geo, images, names, sent / "geo.txt") if geo else None,
            "gcp_list.txt": write_control_file(flight.control_points, names, zone, sent / "gcp_list.txt"),
        }
        return {name: path for name, path in files.items() if path is not None}

    _said = ""

    def _follow(self, step: object) -> None:
        from uav_workflow.photogrammetry.progress import NodeProgress

        assert isinstance(step, NodeProgress)
        low, high = SHARES.get(step.stage, (0.1, 0.9))
        text = f"{step.stage} {step.percent:.0f} %: {step.text}"
        self.report(low + (high - low) * step.percent / 100, text)
        said = f"{step.stage} {step.percent // 10}"
        if said != self._said:
            self._said = said
            logger.info("node: %s", text)


def task_facts(result: TaskResult) -> dict[str, Json]:
    """What the manifest says of the task on the node."""
    facts: dict[str, Json] = {"uuid": result.uuid, "options": dict(result.options), "attempts": result.attempts}
    if result.left_out:
        facts["options_left_out"] = list(result.left_out)
    if result.lowered:
        facts["options_lowered"] = [step.to_json() for step in result.lowered]
    if result.reasons:
        facts["earlier_attempts"] = list(result.reasons)
    return facts


def lowered_findings(result: TaskResult) -> list[Finding]:
    """A warning for every option that was lowered because the node ran out of memory."""
    from uav_workflow.findings import warning

    return [
        warning(
            "node-options-lowered",
            step.option,
            f"the node ran out of memory, so {step.option} was lowered from {step.was} to {step.now}",
            "the products are coarser or incomplete for it; use a node with more memory, or forbid this with "
            "photogrammetry.lower_on_memory=false",
        )
        for step in result.lowered
    ]


def image_names(flight: Flight) -> dict[str, str]:
    """Name on the node for every image of the survey."""
    return upload_names([image.name for capture in flight.captures for image in capture.images])


def band_names(flight: Flight) -> list[str]:
    """Bands the orthophoto of a flight must have."""
    names = {image.band.name for capture in flight.captures for image in capture.images}
    return ["red", "green", "blue"] if names == {"RGB"} else sorted(names - {"RGB"})


def upload_names(names: list[str]) -> dict[str, str]:
    """Name on the node for every image: its base name, or its whole path with underscores when base names repeat.

    The stem and the band suffix stay, because nodes group bands by them. Where paths with underscores repeat as well,
    the later ones get a number in front.
    """
    short = [name.rpartition("/")[2] for name in names]
    if len({name.lower() for name in short}) == len(names):
        return dict(zip(names, short, strict=True))
    taken: set[str] = set()
    sent = {}
    for name in names:
        candidates = (f"{number}_{name}" if number else name for number in itertools.count())
        free = next(text for text in (each.replace("/", "_") for each in candidates) if text.lower() not in taken)
        taken.add(free.lower())
        sent[name] = free
    return sent


def node_options(scope: Scope) -> dict[str, Json]:
    """Options of the node: the recipe's, over what this workflow needs."""
    recipe = scope.recipe.photogrammetry
    options: dict[str, Json] = {"dsm": True, "dtm": True}
    pixel_cm = recipe.orthomosaic_cm or (round(scope.record.gsd_m * 100, 1) if scope.record.gsd_m else None)
    if pixel_cm:
        options |= {"orthophoto-resolution": pixel_cm, "dem-resolution": 2 * pixel_cm}
    if CalibratedCaptures.reason_not_made(scope) is None:
        # colour evening between photos destroys reflectance
        options |= {"radiometric-calibration": "none", "texturing-skip-global-seam-leveling": True}
    return options | dict(recipe.options)
