"""Settings of a machine, from the environment (``UAV_*``): nothing here changes a number in a product."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Where things are and how many hands work.

    Attributes
    ----------
    workspace : Path
        Product store, flight registry, scratch and the embedded node's data.
    node : str or None
        URL of a NodeODM or ClusterODM; none starts the embedded node.
    node_token : SecretStr or None
        Token of that node; never written to a product, log or database.
    node_remove_tasks : bool
        Delete a task on the node once its results are downloaded and verified.
    node_budget_h : float
        Hours a task may take on a node, upload and download included, before a run stops waiting.
    scheduler : str or None
        URL of a luigid; none runs the scheduler in the process.
    workers : int
        Tasks at a time.
    """

    model_config = SettingsConfigDict(env_prefix="UAV_", extra="ignore")

    workspace: Path = Path(".uav")
    node: str | None = None
    node_token: SecretStr | None = None
    node_remove_tasks: bool = False
    node_budget_h: float = Field(default=48.0, gt=0)
    scheduler: str | None = None
    workers: int = Field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)), ge=1)
