"""Where a node is, as users write it, and PyODM's `Node` speaking to exactly that place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlencode, urlsplit

import pyodm
import requests
from pyodm.exceptions import NodeConnectionError, NodeResponseError, NodeServerError, OdmError

from uav_workflow.errors import UsageError

DEFAULT_PORTS = {"http": 80, "https": 443}
NODE_PORT = 3000
"""Port of a NodeODM when a bare host name is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAddress:
    """A node's address. `str` of it never shows the token.

    Attributes
    ----------
    scheme : str
        ``http`` or ``https``.
    prefix : str
        Path in front of the API, without a slash at its end; empty as a rule.
    token : str
        Sent as the query parameter ``token``; empty for none.
    """

    scheme: str
    host: str
    port: int
    prefix: str = ""
    token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, token: str = "") -> NodeAddress:
        """Read ``host``, ``host:port`` or ``http[s]://host[:port][/prefix][?token=...]``.

        A token inside the text is cut out; `token` (from settings) wins over it.

        Raises
        ------
        UsageError
            The text names no host, another scheme than http or https, or a port that is no number.
        """
        shown = text.split("?", 1)[0]
        plain = "://" not in text
        parts = urlsplit(f"http://{text}" if plain else text)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise UsageError(f"node address {shown!r}: expected http://host:port or https://host[:port][/path]")
        if parts.username or parts.password:
            raise UsageError(
                f"node address with a user name for host {parts.hostname}: a NodeODM knows tokens only; "
                "give the token in UAV_NODE_TOKEN"
            )
        try:
            port = parts.port
        except ValueError as exc:
            raise UsageError(f"node address {shown!r}: {exc}") from exc
        default = NODE_PORT if plain else DEFAULT_PORTS[parts.scheme]
        found = parse_qs(parts.query).get("token", [""])[0]
        return cls(
            scheme=parts.scheme,
            host=parts.hostname,
            port=port if port is not None else default,
            prefix=parts.path.rstrip("/"),
            token=token or found,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    @property
    def identity(self) -> str:
        """Which node this is, across restarts: one on loopback may come back on another port."""
        return "loopback" if self.host in ("localhost", "::1") or self.host.startswith("127.") else str(self)

    def node(self, timeout_s: float = 120.0) -> AddressedNode:
        """Client for this address."""
        return AddressedNode(self, timeout_s)


class AddressedNode(pyodm.Node):  # type: ignore[misc]
    """PyODM's protocol with this address's scheme, port and prefix, and a query of its own for every call.

    PyODM shares one default query dictionary between all nodes of a process (a token leaks to the next host),
    chooses https by port and forgets path prefixes; here `url` does neither. No message carries the token.
    """

    def __init__(self, address: NodeAddress, timeout_s: float) -> None:
        super().__init__(address.host, address.port, address.token, timeout_s)
        self.address = address

    def url(self, url: str, query: Mapping[str, str] | None = None) -> str:
        """Absolute URL of a path of the API, token included."""
        fields = dict(query or {})
        if self.address.token:
            fields["token"] = self.address.token
        return f"{self.address}{url}" + (f"?{urlencode(fields)}" if fields else "")

    def get(self, url: str, query: Mapping[str, str] | None = None, **kwargs: Any) -> Any:
        """GET: parsed JSON; every fault is an `OdmError`."""
        with self._faults():
            return _json_only(super().get(url, dict(query or {}), **kwargs))

    def post(self, url: str, data: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """POST: parsed JSON; every fault is an `OdmError`."""
        with self._faults():
            return _json_only(super().post(url, data=data, headers=dict(headers or {})))

    @contextmanager
    def stream(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """GET of a file, 200 or 206, its body unread; every fault, inside the block too, is an `OdmError`."""
        with (
            self._faults(),
            requests.get(self.url(url), headers=dict(headers), timeout=self.timeout, stream=True) as answer,
        ):
            if "application/json" in answer.headers.get("Content-Type", ""):
                document = answer.json()
                raise NodeResponseError(
                    str(document.get("error", document) if isinstance(document, dict) else document)
                )
            if answer.status_code in (401, 403):
                raise NodeResponseError(f"{answer.status_code} unauthorized")
            if answer.status_code not in (200, 206):
                raise NodeServerError(f"Unexpected status code: {answer.status_code}")
            yield answer

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """Transport faults of every kind as PyODM's errors, their text without the token."""
        try:
            yield
        except OdmError as exc:
            raise type(exc)(self.without_token(str(exc))) from None
        except (requests.exceptions.RequestException, OSError) as exc:
            raise NodeConnectionError(self.without_token(str(exc))) from None
        except ValueError as exc:
            raise NodeServerError(self.without_token(f"answer is no JSON: {exc}")) from None

    def without_token(self, text: str) -> str:
        """The text with the token, plain or as written in a URL, replaced by stars."""
        token = self.address.token
        if not token:
            return text
        text = re.sub(r"token=[^&\s)'\"]*", "token=***", text)
        for form in {quote_plus(token), quote(token), quote(token, safe=""), token}:
            text = text.replace(form, "***") if len(form) > 3 else text
        return text


def _json_only(answer: Any) -> Any:
    """The answer, unless it is a page where JSON was due (a gateway's, a login's), or a 403, which PyODM lets pass."""
    if not isinstance(answer, requests.Response):
        return answer
    if answer.status_code == 403:
        raise NodeResponseError("403 Forbidden: the node, or a proxy in front of it, refuses this caller")
    kind = answer.headers.get("Content-Type", "no type")
    raise NodeServerError(f"answer is {kind}, not JSON; something else than the node answered")
