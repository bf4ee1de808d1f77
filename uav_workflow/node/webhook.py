"""Telling others that a task has ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from urllib.parse import urlsplit

import requests

from uav_workflow.domain.product import Json
from uav_workflow.node.book import TaskBook
from uav_workflow.node.task import ACTIVE

log = logging.getLogger(__name__)

PAUSES_S = (5.0, 15.0, 45.0, 120.0, 300.0)
"""Between the six attempts."""

TIMEOUT_S = 10


class Webhooks:
    """Posts the state of ended tasks to the addresses that are to be told (`Task.untold`).

    What is still to be told is part of the task's state, so a restart of the node takes it up again; an address may be
    told twice, never not at all while it can be reached.
    """

    def __init__(self, book: TaskBook) -> None:
        self._book = book
        self._telling: dict[str, asyncio.Task[None]] = {}

    def tell(self, uuid: str) -> None:
        """Begin to tell, if there is somebody."""
        if self._book.task(uuid).untold and uuid not in self._telling:
            self._telling[uuid] = asyncio.create_task(self._tell(uuid))

    def drop(self, uuid: str) -> None:
        """Tell nobody any more: the task is removed or restarted."""
        if telling := self._telling.pop(uuid, None):
            telling.cancel()

    async def stop(self) -> None:
        """Give up for now."""
        telling = list(self._telling.values())
        for task in telling:
            task.cancel()
        await asyncio.gather(*telling, return_exceptions=True)

    async def _tell(self, uuid: str) -> None:
        for url in self._book.task(uuid).untold:
            for pause in (0.0, *PAUSES_S):
                await asyncio.sleep(pause)
                if uuid not in self._book or self._book.task(uuid).status in ACTIVE:
                    return
                if await asyncio.to_thread(_post, url, self._document(uuid)):
                    break
            else:
                log.warning("%s: webhook at %s did not answer; given up", uuid, urlsplit(url).hostname)
            left = tuple(other for other in self._book.task(uuid).untold if other != url)
            self._book.change(uuid, untold=left)
        self._telling.pop(uuid, None)

    def _document(self, uuid: str) -> dict[str, Json]:
        """The answer of ``/task/{uuid}/info`` and what images.json says of the photos."""
        images: Json = []
        with contextlib.suppress(OSError, ValueError):
            images = json.loads((self._book.files.project(uuid) / "images.json").read_text("utf-8"))
        return {**self._book.task(uuid).info(), "images": images}


def _post(url: str, document: dict[str, Json]) -> bool:
    try:
        return requests.post(url, json=document, timeout=TIMEOUT_S, allow_redirects=False).status_code == 200
    except requests.RequestException:
        return False
