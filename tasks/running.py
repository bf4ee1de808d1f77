"""One run: a folder in, products out."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tasks.captures import CalibratedCaptures
from tasks.failures import Failure, failures, forget_failures
from tasks.photogrammetry import NodeTask
from tasks.product import ProductTask, address_of
from tasks.scope import Scope, keep_recipe, load_scope
from uav_workflow.domain.flight import Flight
from uav_workflow.domain.product import KINDS, Product
from uav_workflow.errors import FlightDataError, UsageError
from uav_workflow.findings import Finding, Level, has_errors
from uav_workflow.recipe import Recipe
from uav_workflow.store import Address
from uav_workflow.submission.registry import Registry

Progress = Callable[[float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run hands back.

    Attributes
    ----------
    products : mapping
        Kind -> product, those that could be made.
    not_made : mapping
        Kind -> reason, those the folder, the recipe or the data do not allow, and those that failed (steps before the
        first product too, such as ``node_task``).
    complete : bool
        Everything the folder and the recipe allow was made.
    """

    flight: str
    findings: Sequence[Finding]
    products: dict[str, Product]
    not_made: dict[str, str]
    failures: Sequence[Failure] = field(default_factory=tuple)

    @property
    def complete(self) -> bool:
        """True when nothing failed."""
        return not self.failures

    def to_json(self) -> dict[str, object]:
        """Return the document `uav run --json` prints."""
        return {
            "flight": self.flight,
            "status": "complete" if self.complete else "incomplete",
            "findings": [finding.to_json() for finding in self.findings],
            "products": {
                kind: {
                    "path": str(product.path),
                    "files": {name: str(product.file(name)) for name in _files(product)},
                }
                for kind, product in self.products.items()
            },
            "not_made": self.not_made,
        }


def run_flight(
    folder: Path,
    workspace: Path,
    recipe: Recipe,
    *,
    campaign: Path | None = None,
    until: str | None = None,
    scheduler: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> RunResult:
    """Check a flight folder, register it, and make every product it allows.

    Raises
    ------
    FlightDataError
        The check found errors; nothing was sent to a node.
    UsageError
        ``until`` names no kind.
    """
    if until is not None and until not in KINDS:
        raise UsageError(f"--until {until}: not a kind of product; one of {', '.join(KINDS)}")
    say = progress or (lambda _share, _text: None)
    workspace.mkdir(parents=True, exist_ok=True)
    with _one_run_at_a_time(workspace, say):
        flight, findings = _checked(folder, workspace, campaign, say)
        record = Registry(workspace).register(flight, findings)
        keep_recipe(workspace, recipe)
        forget_failures(workspace, record.flight_id)
        scope = load_scope(str(workspace.resolve()), record.flight_id, record.revision, recipe.recipe_id)
        plan = _plan(scope, until)
        _build(plan, scheduler, workers)
        result = _gather(scope, plan, findings)
        if until is None:
            scope.store.point_latest(record.flight_id, plan.addresses(result.products))
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Tasks to build by kind, and the reasons of those that are not to be built."""

    tasks: Mapping[str, ProductTask]
    reasons: Mapping[str, str]

    def addresses(self, kinds: Iterable[str]) -> list[Address]:
        """Addresses of the products of some kinds."""
        return [self.tasks[kind].address for kind in kinds]


def _plan(scope: Scope, until: str | None) -> _Plan:
    from tasks import TASKS

    wanted = TASKS if until is None else TASKS[: KINDS.index(until) + 1]
    reasons = {task.kind: task.reason_not_made(scope) for task in wanted}
    tasks = {
        task.kind: task(
            flight=scope.record.flight_id,
            recipe=scope.recipe.recipe_id,
            workspace=str(scope.workspace),
            revision=scope.record.revision,
        )
        for task in wanted
        if reasons[task.kind] is None
    }
    return _Plan(tasks=tasks, reasons={kind: reason for kind, reason in reasons.items() if reason is not None})


def _build(plan: _Plan, scheduler: str | None, workers: int) -> None:
    import luigi

    where = {"scheduler_url": scheduler} if scheduler else {"local_scheduler": True}
    luigi.build(list(plan.tasks.values()), workers=workers, detailed_summary=True, log_level="CRITICAL", **where)


def _gather(scope: Scope, plan: _Plan, findings: Sequence[Finding]) -> RunResult:
    found = {kind: scope.store.find(task.address) for kind, task in plan.tasks.items()}
    products = {kind: product for kind, product in found.items() if product is not None}
    failed = {failure.kind: failure for failure in failures(scope.workspace, scope.record.flight_id)}
    not_made = {kind: failure.message for kind, failure in failed.items()} | dict(plan.reasons)
    for kind, task in plan.tasks.items():
        if kind not in products:
            not_made[kind] = failed[kind].message if kind in failed else needs(type(task), scope, failed)
        elif reason := products[kind].not_made:
            not_made[kind] = reason
    inner = [scope.store.find(address_of(task, scope)) for task in (CalibratedCaptures, NodeTask)]
    said = [*(product for product in inner if product is not None), *products.values()]
    return RunResult(
        flight=scope.record.flight_id,
        findings=[*findings, *(finding for product in said for finding in product.findings)],
        products={kind: product for kind, product in products.items() if product.not_made is None},
        not_made=not_made,
        failures=tuple(failed.values()),
    )


def needs(task: type[ProductTask], scope: Scope, failed: Mapping[str, Failure]) -> str:
    """Name the failed tasks that another one waits for; theirs is the sentence that says what to do."""
    culprits = list(dict.fromkeys(kind for kind in _upstream(task, scope) if kind in failed))
    return f"it needs {' and '.join(culprits)}, which failed" if culprits else "something it needs was not run"


def _upstream(task: type[ProductTask], scope: Scope) -> Iterator[str]:
    for above in task.upstream(scope):
        yield above.kind
        yield from _upstream(above, scope)


def _checked(folder: Path, workspace: Path, campaign: Path | None, say: Progress) -> tuple[Flight, list[Finding]]:
    from tasks.product import digest_cache
    from uav_workflow.flights.reading import read_flight

    flight, findings = read_flight(folder, cache=digest_cache(workspace), campaign=campaign, progress=say)
    if flight is None or has_errors(findings):
        errors = sum(finding.level is Level.ERROR for finding in findings)
        raise FlightDataError(f"{folder}: {errors} error(s); the flight was not sent to a node", findings)
    return flight, findings


@contextmanager
def _one_run_at_a_time(workspace: Path, say: Progress) -> Iterator[None]:
    """Hold the workspace; a second run waits and says so."""
    with (workspace / "run.lock").open("w", encoding="utf-8") as lock:
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    say(0.0, f"another run holds {workspace}; waiting for it to end")
                waiting = True
                time.sleep(0.5)
        yield


def _files(product: Product) -> list[str]:
    files = product.manifest.get("files")
    return sorted(files) if isinstance(files, dict) else []
