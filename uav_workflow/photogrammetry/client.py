"""One task on one node, from files to unpacked assets, across every fault that passes."""

from __future__ import annotations

import difflib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyodm.exceptions import OdmError
from pyodm.types import NodeInfo, TaskStatus

from uav_workflow.domain.product import Json
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import AddressedNode, NodeAddress
from uav_workflow.photogrammetry.download import fetch_assets, remove_task
from uav_workflow.photogrammetry.failure import SessionSpoiled, TaskLost, is_passing, refusal, task_failed
from uav_workflow.photogrammetry.ledger import Ledger
from uav_workflow.photogrammetry.patience import Patience
from uav_workflow.photogrammetry.polling import ENDED, find_task, output_tail, wait_for_task
from uav_workflow.photogrammetry.progress import ProgressCallback
from uav_workflow.photogrammetry.upload import Upload

ASSETS = "assets"
NOT_PHOTOS = (".txt", ".zip", ".las", ".laz")
OWN_ENGINE = "uav-workflow"
"""How `engineVersion` of the node that ships with this project begins; it keeps one copy of a file sent twice."""


def run_task(
    address: NodeAddress,
    files: Mapping[str, Path],
    options: Mapping[str, Json],
    *,
    name: str,
    task_uuid: str,
    work: Path,
    outputs: Sequence[str],
    on_progress: ProgressCallback,
    patience: Patience | None = None,
    remove_after: bool = False,
    if_known: Collection[str] = (),
) -> Path:
    """Have a node work on a flight and hand back the folder of its unpacked assets.

    The uuid stands in ``work/node_task.json`` before the first byte leaves. Called again after a crash, it goes on
    where it was: files already there are not sent again, a task that still runs or has completed is adopted, a
    download is resumed. A task the node has lost is sent again by itself. A task that FAILED or was CANCELED is not:
    the same photos and options would fail the same way, and who cancels means it. It raises; the next call is
    the user's decision and starts the next attempt. After three attempts nothing is sent any more.

    Parameters
    ----------
    address : NodeAddress
    files : mapping
        Upload name (unique without regard to case, no slash) to file.
    options : mapping
        ODM option name to value, each checked against the node's /options.
    name : str
        Title of the task on the node.
    task_uuid : str
        From `identity.task_uuid`.
    work : Path
        Folder for the record, the partial download and the result; kept between calls.
    outputs : sequence of str
        Paths wanted in all.zip; empty for the node's default list.
    on_progress : callable
        Called from this thread with `NodeProgress`.
    patience : Patience, optional
        Bounds of the retries.
    remove_after : bool
        Delete the task on the node after the verified download.
    if_known : collection of str
        Options that matter only to nodes that have them (seam levelling of textures, to one without textures). On
        others they are left out, and the record lists them.

    Returns
    -------
    Path
        ``work/assets``.

    Raises
    ------
    NodeTaskFailed
        The node ended the task without a result; the message carries the end of its output.
    NodeError
        The node refuses or can't be reached.
    """
    patience = patience or Patience()
    _check_names(files)
    assets = work / ASSETS
    ledger = Ledger.open(work, task=task_uuid, node=address.identity, name=name)
    if ledger.state == "unpacked" and assets.is_dir():
        return assets
    if ledger.state == "failed":
        ledger.next_attempt("run again by the user")
    node = address.node(patience.timeout_s)
    run = _Run(
        node=node,
        ledger=ledger,
        files=files,
        options=options,
        name=name,
        outputs=outputs,
        patience=patience,
        on_progress=on_progress,
        if_known=if_known,
    )
    while not run.complete():
        pass
    ledger.enter("completed")
    fetch_assets(node, ledger.uuid, assets, patience=patience, on_progress=on_progress)
    ledger.enter("unpacked")
    if remove_after:
        remove_task(node, ledger.uuid)
    return assets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The arguments of one call, and the step that is repeated until the task is completed."""

    node: AddressedNode
    ledger: Ledger
    files: Mapping[str, Path]
    options: Mapping[str, Json]
    name: str
    outputs: Sequence[str]
    patience: Patience
    on_progress: ProgressCallback
    if_known: Collection[str]

    def complete(self) -> bool:
        """Adopt or submit, then wait. False: try again, the ledger says under which uuid."""
        ledger = self.ledger
        try:
            info = find_task(self.node, ledger.uuid, self.patience)
            if info is None and ledger.state == "new":
                self._submit()
            if info is None or info.status not in ENDED:
                ledger.enter("committed")
                info = wait_for_task(
                    self.node, ledger.uuid, self.patience, self.on_progress, on_running=self._check_count
                )
        except TaskLost as exc:
            ledger.next_attempt(str(exc))
            return False
        except SessionSpoiled as exc:
            if ledger.session >= self.patience.sessions:
                ledger.enter("failed", str(exc))
                raise NodeError(
                    f"{self.node.address}: upload given up after {ledger.session} sessions: {exc}; "
                    "the connection to the node is too poor, run again when it is better"
                ) from exc
            ledger.next_session(str(exc))
            return False
        if info.status is not TaskStatus.COMPLETED:
            self._fail(info)
        return True

    def _fail(self, info: Any) -> None:
        error = task_failed(
            self.node.address,
            self.ledger.uuid,
            str(info.last_error or ""),
            output_tail(self.node, self.ledger.uuid),
            canceled=info.status is TaskStatus.CANCELED,
        )
        self.ledger.enter("failed", str(error))
        raise error

    def _submit(self) -> None:
        answer = _ask(self.node, "/info", self.patience)
        _check_node(self.node, answer, len(self.files))
        unknown = _unknown_options(self.node, self.options, self.if_known, self.patience)
        self.ledger.leave_out(unknown)
        options = {key: value for key, value in self.options.items() if key not in unknown}
        upload = Upload(
            self.node,
            self.ledger,
            self.patience,
            self.on_progress,
            keeps_one_copy=str(answer.get("engineVersion", "")).startswith(OWN_ENGINE),
        )
        upload.begin(self.name, options, self.outputs)
        upload.send(self.files)
        upload.commit()

    def _check_count(self, info: Any) -> None:
        """Once the node has sorted the files in, it must hold as many photos as were sent."""
        if info.status is TaskStatus.RUNNING and not info.progress:
            return
        photos = sum(not name.lower().endswith(NOT_PHOTOS) for name in self.files)
        if info.images_count in (photos, len(self.files)):
            return
        remove_task(self.node, self.ledger.uuid)
        raise SessionSpoiled(f"the node holds {info.images_count} photos, {photos} were sent")


def _check_names(files: Mapping[str, Path]) -> None:
    if not files:
        raise NodeError("no files to send: a task needs photos")
    lower: dict[str, str] = {}
    for name, path in files.items():
        if "/" in name or "\\" in name or name != name.strip() or not name:
            raise NodeError(f"upload name {name!r} ({path}): must be a plain file name without a folder")
        if name.lower() in lower:
            raise NodeError(f"upload names {lower[name.lower()]!r} and {name!r} differ in case only; rename one")
        lower[name.lower()] = name
        if not path.is_file():
            raise NodeError(f"{path}: is not there, or no file; it was to be sent as {name}")


def _ask(node: AddressedNode, path: str, patience: Patience) -> Any:
    """GET with bounded retries."""
    for failures in range(1, patience.retries + 2):
        try:
            return node.get(path)
        except OdmError as exc:
            if not is_passing(exc) or failures > patience.retries:
                raise refusal(exc, f"asking for {path}", node.address) from exc
            time.sleep(patience.pause(failures))
    raise AssertionError("the loop above returns or raises")


def _check_node(node: AddressedNode, answer: Any, count: int) -> None:
    info = NodeInfo(answer) if isinstance(answer, dict) else None
    version = str(info.version) if info else "?"
    parts = version.split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise NodeError(
            f"{node.address}: does not answer like a NodeODM (version {version!r}); check host, port and path"
        )
    if tuple(int(part) for part in parts) < (1, 4, 0):
        raise NodeError(f"{node.address}: NodeODM API {version} is too old; 1.4.0 or newer is needed")
    limit = info.max_images if info else None
    if isinstance(limit, int) and 0 < limit < count:
        raise NodeError(
            f"{node.address}: takes at most {limit} files a task, {count} are to be sent; "
            "use a node with a higher limit (NodeODM --max_images), or split the flight"
        )


def _unknown_options(
    node: AddressedNode, options: Mapping[str, Json], if_known: Collection[str], patience: Patience
) -> list[str]:
    """Those of `if_known` the node does not have; any other is an error: the node would drop it without a word."""
    if not options:
        return []
    rows = _ask(node, "/options", patience)
    names = {str(row.get("name")) for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    unknown = sorted(set(options) - names)
    wrong = [name for name in unknown if name not in if_known]
    if not wrong:
        return unknown
    hints = []
    for name in wrong:
        near = difflib.get_close_matches(name, names, 1)
        hints.append(f"{name} (meant {near[0]}?)" if near else name)
    raise NodeError(
        f"{node.address}: does not know the option {', '.join(hints)}; it would be ignored in silence. "
        f"Correct the recipe; `GET {node.address}/options` lists {len(names)} names"
    )
