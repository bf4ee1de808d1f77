"""One task on one node, from files to unpacked assets, across every fault that passes."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyodm.exceptions import OdmError
from pyodm.types import TaskStatus

from uav_workflow.domain.product import Json
from uav_workflow.errors import NodeError
from uav_workflow.photogrammetry.address import NodeAddress
from uav_workflow.photogrammetry.connection import Connection, FindNode
from uav_workflow.photogrammetry.download import Fetch, remove_task
from uav_workflow.photogrammetry.failure import (
    SessionSpoiled,
    TaskLost,
    disk_failure,
    is_passing,
    node_goes_down,
    refusal,
    task_failed,
)
from uav_workflow.photogrammetry.fallback import Lowered, lower
from uav_workflow.photogrammetry.identity import attempt_uuid
from uav_workflow.photogrammetry.ledger import MAX_ATTEMPTS, Ledger
from uav_workflow.photogrammetry.patience import Clock, Patience
from uav_workflow.photogrammetry.polling import TaskState, Watch, find_task, output_tail
from uav_workflow.photogrammetry.preflight import Offer, check_disk, check_files
from uav_workflow.photogrammetry.progress import ProgressCallback
from uav_workflow.photogrammetry.task_order import TaskOrder, TaskResult
from uav_workflow.photogrammetry.upload import Upload

ASSETS = "assets"


def run_task(
    address: NodeAddress,
    order: TaskOrder,
    *,
    work: Path,
    on_progress: ProgressCallback,
    patience: Patience | None = None,
    find_node: FindNode | None = None,
) -> TaskResult:
    """Have a node work on a flight and hand back its unpacked assets.

    The uuid stands in ``work/node_task.json`` before the first byte leaves. Called again after a crash, it goes on
    where it was: files already there are not sent again, a task that still runs or has completed is adopted, a
    download is resumed. A task the node has lost is sent again by itself, one that ran out of memory with milder
    options. A task that FAILED otherwise, or was CANCELED, is not: the same photos and options would fail the same
    way, and who cancels means it. It raises; the next call is the user's decision and starts the next attempt. After
    three attempts nothing is sent any more.

    Parameters
    ----------
    address : NodeAddress
    order : TaskOrder
    work : Path
        Folder for the record, the partial download and the result; kept between calls.
    on_progress : callable
        Called from this thread with `NodeProgress`.
    patience : Patience, optional
        Bounds of the retries.
    find_node : callable, optional
        Asked for the node's address after each connection that failed; it may start the node anew.

    Raises
    ------
    NodeTaskFailed
        The node ended the task without a result; the message carries the end of its output.
    NodeError
        The node refuses or can't be reached, a bound is reached, our disk is full.
    """
    check_files(order.files)
    _make_folder(work)
    patience = patience or Patience()
    ledger = Ledger.open(work, task=order.task_uuid, node=address.identity, name=order.name)
    run = _Run(
        node=Connection(address, patience, find_node),
        ledger=ledger,
        order=order,
        work=work,
        patience=patience,
        clock=Clock(patience),
        on_progress=on_progress,
    )
    if not (ledger.state == "unpacked" and run.assets.is_dir()):
        if ledger.state == "failed":
            ledger.next_attempt("run again by the user")
        first_session = ledger.session
        while not run.step(first_session):
            pass
    return run.result()


def _make_folder(work: Path) -> None:
    try:
        work.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise disk_failure(exc, work, "the record of the task") from exc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """The arguments of one call, and the step that is repeated until the assets are there."""

    node: Connection
    ledger: Ledger
    order: TaskOrder
    work: Path
    patience: Patience
    clock: Clock
    on_progress: ProgressCallback

    @property
    def assets(self) -> Path:
        return self.work / ASSETS

    @property
    def options(self) -> dict[str, Json]:
        """Options to send: those asked for, as lowered so far, less those the node does not have."""
        lowered = {step.option: step.now for step in self.ledger.lowered}
        return {key: value for key, value in (dict(self.order.options) | lowered).items() if key not in self.left_out}

    @property
    def left_out(self) -> tuple[str, ...]:
        return self.ledger.left_out

    def result(self) -> TaskResult:
        """Sum up, once the assets are there."""
        return TaskResult(
            assets=self.assets,
            uuid=self.ledger.uuid,
            options=self.options,
            left_out=self.left_out,
            lowered=self.ledger.lowered,
            attempts=self.ledger.attempt,
            reasons=self.ledger.reasons,
        )

    def step(self, first_session: int) -> bool:
        """Adopt or submit, wait, fetch. False: try again, the ledger says under which uuid."""
        ledger = self.ledger
        try:
            state = self._follow()
            if state is None:
                return False
            self._check_count(state)
            ledger.enter("completed")
            fetch = Fetch(
                self.node,
                ledger.uuid,
                self.assets,
                patience=self.patience,
                clock=self.clock,
                on_progress=self.on_progress,
            )
            fetch.run()
        except TaskLost as exc:
            if exc.at_once:
                self._stop_when_down()
                ledger.note_crash()
            ledger.next_attempt(str(exc))
            return False
        except SessionSpoiled as exc:
            # the attempt stays the same: nothing failed, was cancelled or got lost
            ledger.next_session(str(exc))
            if ledger.session - first_session >= self.patience.sessions:
                raise NodeError(
                    f"{self.node.address}: upload given up after {self.patience.sessions} sessions: {exc}; "
                    "the connection to the node is too poor, run again when it is better"
                ) from exc
            return False
        ledger.enter("unpacked")
        for begun in self.work.glob("*.zip.*"):  # downloads of tasks that got lost
            begun.unlink(missing_ok=True)
        return True

    def _follow(self) -> TaskState | None:
        """See the task to its completion; None when the ledger has gone on to another attempt."""
        fresh, state = False, None
        if self.ledger.state == "new":
            state = self._earlier_life()
            if state is None:
                self._submit()
                fresh = True
            elif state.status in (TaskStatus.FAILED, TaskStatus.CANCELED):
                # its user was told then; who runs again wants another attempt
                self._go_on(state, told=True)
                return None
            self.ledger.enter("committed")
        if state is None or state.status is not TaskStatus.COMPLETED:
            watch = Watch(self.node, self.ledger.uuid, self.patience, self.clock, self.on_progress, fresh=fresh)
            state = watch.wait(self._check_count, self._stop_when_down)
        if state.status is TaskStatus.COMPLETED:
            return state
        self._go_on(state, told=False)
        return None

    def _earlier_life(self) -> TaskState | None:
        """The task as the node knows it already, under the uuid of any attempt or session when our record is lost."""
        state = find_task(self.node, self.ledger.uuid, self.patience)
        if state is not None or not self.ledger.begins:
            return state
        for attempt, session in itertools.product(range(1, MAX_ATTEMPTS + 1), range(1, self.patience.sessions + 1)):
            other = attempt_uuid(self.order.task_uuid, attempt, session)
            state = find_task(self.node, other, self.patience) if other != self.ledger.uuid else None
            if state is not None and state.status not in (TaskStatus.FAILED, TaskStatus.CANCELED):
                self.ledger.adopt(attempt, session)
                return state
        return None

    def _go_on(self, state: TaskState, *, told: bool) -> None:
        """After FAILED or CANCELED: the next attempt where it makes sense, otherwise the error."""
        ledger = self.ledger
        error = task_failed(
            self.node.address,
            ledger.uuid,
            state.error,
            output_tail(self.node, ledger.uuid),
            canceled=state.status is TaskStatus.CANCELED,
            lowered=", ".join(map(str, ledger.lowered)),
        )
        milder = error.memory and self.order.may_lower and not ledger.is_last_attempt
        steps = self._milder() if milder else []
        if not steps and not told:
            ledger.enter("failed", str(error))
            raise error
        ledger.next_attempt(str(error), steps)

    def _milder(self) -> list[Lowered]:
        offer = Offer.ask(self.node, self._ask)
        done = [step.option for step in self.ledger.lowered]
        return lower(self.options, offer.options, self.order.photos, done, last=self.ledger.comes_last)

    def _stop_when_down(self) -> None:
        """Give up when the same options have brought the node down before."""
        if self.ledger.crashes:
            error = node_goes_down(self.node.address, self.ledger.node_version, self.options)
            self.ledger.enter("failed", str(error))
            raise error

    def _submit(self) -> None:
        offer = Offer.ask(self.node, self._ask)
        offer.check_count(self.node, len(self.order.files))
        left_out = offer.check_options(self.node, self.order.options, self.order.dispensable)
        self.ledger.note_node(offer.version, left_out)
        check_disk(self.work, self.order.files)
        upload = Upload(
            self.node,
            self.ledger,
            self.patience,
            self.clock,
            self.on_progress,
            keeps_one_copy=offer.keeps_one_copy,
        )
        upload.begin(self.order.name, self.options, self.order.outputs)
        upload.send(self.order.files)
        upload.commit()

    def _ask(self, path: str) -> Any:
        """GET with bounded retries."""
        for failures in range(1, self.patience.retries + 2):
            try:
                return self.node.get(path)
            except OdmError as exc:
                if not is_passing(exc) or failures > self.patience.retries:
                    raise refusal(exc, f"asking for {path}", self.node.address) from exc
                time.sleep(self.patience.pause(failures))
        raise AssertionError("the loop above returns or raises")

    def _check_count(self, state: TaskState) -> None:
        """Once the node has sorted the files in, it must hold as many photos as were sent."""
        if not state.images_count or (state.status is TaskStatus.RUNNING and not state.progress):
            return
        if state.images_count in (self.order.photos, len(self.order.files)):
            return
        remove_task(self.node, self.ledger.uuid)
        raise SessionSpoiled(f"the node holds {state.images_count} photos, {self.order.photos} were sent")
