"""The base of every task: one product, content-addressed, published by rename."""

from __future__ import annotations

import html
import logging
import time
import traceback
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import luigi

from tasks.failures import remember_failure
from tasks.scope import Scope, load_scope
from uav_workflow.domain.digest import fingerprint
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import Json, Product
from uav_workflow.errors import FlightDataError, NotMade, StoreError
from uav_workflow.store import Address, Draft

logger = logging.getLogger("tasks")
"""Says on the console what is being made; silent unless a command listens."""


class ProductTarget(luigi.Target):
    """A product in the store: there when its manifest is."""

    def __init__(self, scope: Scope, address: Address) -> None:
        self._scope = scope
        self._address = address

    def exists(self) -> bool:
        """Cheap: opens the manifest alone."""
        return self._scope.store.find(self._address) is not None

    @property
    def path(self) -> Path:
        """Folder of the product."""
        return self._scope.store.path(self._address)

    def product(self) -> Product:
        """Return the product.

        Raises
        ------
        StoreError
            It is not there.
        """
        product = self._scope.store.find(self._address)
        if product is None:
            raise StoreError(f"{self.path}: is not there, though the task that makes it ended; run again")
        return product


class ProductTask(luigi.Task):
    """One product of one flight under one recipe.

    Subclasses say what they need (`upstream`), which parts of the recipe and which files of the folder change them
    (`sections`, `roles`), and make the files (`make`). `version` rises when the code changes a number.
    """

    flight = luigi.Parameter(description="Flight id, as `uav check` prints it.")
    recipe = luigi.Parameter(description="Recipe id, kept in the workspace.")
    workspace = luigi.Parameter(significant=False, description="Folder of the workspace.")
    revision = luigi.Parameter(default="", description="Revision of the flight's tables; the current one when empty.")

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    sections: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def upstream(cls, scope: Scope) -> tuple[type[ProductTask], ...]:
        """Tasks whose products this one reads."""
        return ()

    @classmethod
    def reason_not_made(cls, scope: Scope) -> str | None:
        """Why the folder and the recipe do not allow this product; None when they do."""
        return None

    @abstractmethod
    def make(self, draft: Draft) -> None:
        """Write the product's files into ``draft.path``."""

    @property
    def scope(self) -> Scope:
        """Record, recipe and store."""
        return load_scope(self.workspace, self.flight, self.revision, self.recipe)

    @property
    def address(self) -> Address:
        """Where the product lies, from everything its numbers depend on."""
        return address_of(type(self), self.scope)

    def requires(self) -> dict[str, ProductTask]:
        """Upstream tasks by kind."""
        return {task.kind: self.clone(task) for task in self.upstream(self.scope)}

    def output(self) -> ProductTarget:
        """Return the product's place in the store."""
        return ProductTarget(self.scope, self.address)

    def run(self) -> None:
        """Make the product in a draft and publish it."""
        from uav_workflow.rasters.cache import bounded_cache

        address = self.address
        started = time.monotonic()
        logger.info("%s ...", self.kind)
        with bounded_cache(), self.scope.store.draft(address) as draft:
            draft.parameters = _parameters(type(self), self.scope)
            draft.upstream = {kind: task.address.fingerprint for kind, task in self.requires().items()}
            draft.inputs = [
                {"role": role, "sha256": digest}
                for role in self.roles
                for digest in self.scope.record.inputs.get(role, [])
            ]
            self.make(draft)
        logger.info("%s made in %.1f s", self.kind, time.monotonic() - started)

    def on_failure(self, exception: BaseException) -> str:
        """Keep the sentence for `uav run`; the scheduler page shows it too."""
        logger.info("%s failed: %s", self.kind, exception)
        remember_failure(Path(self.workspace), self.flight, self.kind, exception)
        trace = "".join(traceback.format_exception(exception))
        return html.escape(f"{exception}\n\n{trace}")

    def report(self, share: float, text: str) -> None:
        """Progress (0 - 1) and a line of status on the scheduler page."""
        self._tell("set_progress_percentage", round(100 * min(max(share, 0.0), 1.0)))
        self._tell("set_status_message", html.escape(text))

    def track(self, url: str) -> None:
        """Link the scheduler page to where the work is done."""
        self._tell("set_tracking_url", url)

    def _tell(self, channel: str, value: object) -> None:
        """Luigi gives a task its channels only while a worker runs it."""
        tell = getattr(self, channel, None)
        if tell is not None:
            tell(value)

    def products(self) -> Mapping[str, Product]:
        """Upstream products by kind, those that could not be made included."""
        return {kind: target.product() for kind, target in self.input().items()}

    def product(self, kind: str) -> Product:
        """One upstream product.

        Raises
        ------
        NotMade
            It could not be made, so neither can this one.
        """
        product: Product = self.input()[kind].product()
        if product.not_made is not None:
            raise NotMade(f"{kind} was not made: {product.not_made}")
        return product

    def read_flight(self) -> Flight:
        """Read the flight folder again (digests are cached).

        Raises
        ------
        FlightDataError
            The photos are not those that were registered.
        """
        from uav_workflow.flights.reading import read_flight

        record = self.scope.record
        folder, campaign = Path(record.folder), Path(record.campaign_file) if record.campaign_file else None
        flight, findings = read_flight(folder, cache=digest_cache(Path(self.workspace)), campaign=campaign)
        if flight is None or flight.flight_id != self.flight:
            raise FlightDataError(f"{folder}: the photos have changed since the run began; run it again", findings)
        return flight


def digest_cache(workspace: Path) -> Path:
    """Where a workspace remembers the digests of photos."""
    return workspace / "digests.json"


def address_of(task: type[ProductTask], scope: Scope) -> Address:
    """Address of a task's product: family, version, parameters, inputs and upstream fingerprints."""
    return Address(owner=scope.record.flight_id, kind=task.kind, fingerprint=_fingerprint(task, scope))


_memo: dict[tuple[Scope, type[ProductTask]], str] = {}


def _fingerprint(task: type[ProductTask], scope: Scope) -> str:
    key = (scope, task)
    if key not in _memo:
        _memo[key] = fingerprint(
            {
                "family": task.__name__,
                "version": task.version,
                "flight": scope.record.flight_id,
                "parameters": _parameters(task, scope),
                "inputs": {role: scope.record.inputs.get(role, []) for role in task.roles},
                "upstream": {up.kind: _fingerprint(up, scope) for up in task.upstream(scope)},
            }
        )
    return _memo[key]


def _parameters(task: type[ProductTask], scope: Scope) -> dict[str, Json]:
    dump: dict[str, Any] = scope.recipe.model_dump(mode="json", include=set(task.sections))
    return dump
