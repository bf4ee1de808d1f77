"""PyODM's `Node` speaking to exactly one address, each call bounded, each fault an `OdmError` without a secret."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

import pyodm
import requests
from pyodm.exceptions import NodeConnectionError, NodeResponseError, NodeServerError, OdmError

from uav_workflow.photogrammetry.address import NodeAddress
from uav_workflow.photogrammetry.exchange import bounded
from uav_workflow.photogrammetry.patience import Patience

FindNode = Callable[[], NodeAddress]
"""Where the node is now; starts it anew where that is in the caller's power."""


class HttpFault(NodeServerError):  # type: ignore[misc]  # noqa: N818 - PyODM's own have no suffix for it
    """An answer with a status that says that it is none."""

    def __init__(self, status: int, text: str = "") -> None:
        words = HTTPStatus(status).phrase if status in list(HTTPStatus) else ""
        super().__init__(text or f"HTTP status {status} {words}".rstrip())
        self.status = status


class Connection(pyodm.Node):  # type: ignore[misc]
    """PyODM's protocol with this address's scheme, port and prefix, and a query of its own for every call.

    PyODM shares one default query dictionary between all nodes of a process (a token leaks to the next host), chooses
    https by port, forgets path prefixes, follows redirects and waits as long as bytes trickle in; here no call does.

    Parameters
    ----------
    find : callable, optional
        Asked after each connection that failed; the address it gives is used from then on.
    """

    def __init__(self, address: NodeAddress, patience: Patience | None = None, find: FindNode | None = None) -> None:
        patience = patience or Patience()
        super().__init__(address.host, address.port, address.token, patience.timeout_s)
        self.address = address
        self._answer_s = patience.answer_s
        self._find = find
        self._finding = threading.Lock()

    def url(self, url: str, query: Mapping[str, str] | None = None) -> str:
        """Absolute URL of a path of the API, token included."""
        fields = dict(query or {})
        if self.address.token:
            fields["token"] = self.address.token
        return f"{self.address}{url}" + (f"?{urlencode(fields)}" if fields else "")

    def get(self, url: str, query: Mapping[str, str] | None = None, **_options: Any) -> Any:
        """GET: parsed JSON; every fault is an `OdmError`."""
        with self._faults(), self._exchange("GET", url, query=query) as answer:
            return _json(answer)

    def post(
        self, url: str, data: Any = None, headers: Mapping[str, str] | None = None, limit_s: float | None = None
    ) -> Any:
        """POST: parsed JSON; every fault is an `OdmError`. A body that takes its time comes with a limit of its own."""
        with self._faults(), self._exchange("POST", url, data=data, headers=headers, limit_s=limit_s) as answer:
            return _json(answer)

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str], limit_s: float) -> Iterator[requests.Response]:
        """GET of a file, 200 or 206, its body unread; every fault, inside the block too, is an `OdmError`."""
        with self._faults(), self._exchange("GET", url, headers=headers, limit_s=limit_s) as answer:
            if "application/json" in answer.headers.get("Content-Type", ""):
                raise NodeServerError(f"JSON came in place of the file: {_json(answer)!r:.200}")
            yield answer

    @contextmanager
    def _exchange(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
        limit_s: float | None = None,
    ) -> Iterator[requests.Response]:
        with (
            bounded(limit_s or self._answer_s) as session,
            session.request(
                method,
                self.url(url, query),
                data=data,
                headers=dict(headers or {}),
                timeout=self.timeout,
                # a proxy of the site's does not know our loopback, and must not see its token
                proxies={"no_proxy": self.address.host} if self.address.is_loopback else None,
                stream=True,
                allow_redirects=False,
            ) as answer,
        ):
            _check_status(answer)
            yield answer

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Transport faults of every kind as PyODM's errors, their text without the token."""
        try:
            yield
        except HttpFault as exc:
            raise HttpFault(exc.status, self.without_token(str(exc))) from None
        except NodeConnectionError as exc:
            self._look_again()
            raise NodeConnectionError(self.without_token(str(exc))) from None
        except OdmError as exc:
            raise type(exc)(self.without_token(str(exc))) from None
        except (requests.exceptions.RequestException, OSError) as exc:
            text = self.without_token(str(exc))
            self._look_again()
            raise NodeConnectionError(text) from None
        except (ValueError, TypeError) as exc:
            raise NodeServerError(self.without_token(f"answer is no JSON: {exc}")) from None

    def _look_again(self) -> None:
        if self._find is not None:
            with self._finding:
                self.address = self._find()

    def without_token(self, text: str) -> str:
        """The text with the token, plain or as written in a URL, replaced by stars."""
        token = self.address.token
        text = re.sub(r"token=[^&\s)'\"]*", "token=***", text)
        for form in {quote_plus(token), quote(token), quote(token, safe=""), token}:
            text = text.replace(form, "***") if len(form) > 3 else text
        return text


def _check_status(answer: requests.Response) -> None:
    status = answer.status_code
    if answer.is_redirect or 300 <= status < 400:
        place = answer.headers.get("Location", "elsewhere").split("?", 1)[0]
        raise HttpFault(status, f"it redirects to {place}")
    if status not in (200, 206):
        raise HttpFault(status)


def _json(answer: requests.Response) -> Any:
    """The document of an answer, unless it is the node's word for an error, or a page (a gateway's, a login's)."""
    kind = answer.headers.get("Content-Type", "no type")
    if "json" not in kind:
        raise NodeServerError(f"answer is {kind}, not JSON; something else than the node answered")
    document = answer.json()
    if isinstance(document, dict) and "error" in document:
        raise NodeResponseError(str(document["error"]))
    if not isinstance(document, dict | list):
        raise NodeServerError(f"answer is {document!r:.50}, nothing a node says")
    return document
