"""Where a node is, as users write it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

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
        shown = text.split("?", 1)[0].rpartition("@")[2].strip()
        plain = "://" not in text
        try:
            parts = urlsplit(f"http://{text.strip()}" if plain else text.strip())
            port, named = parts.port, parts.hostname
        except ValueError:  # its text may hold what stands before an @
            raise UsageError(f"node address {shown!r}: the port is no number, or the host is misspelt") from None
        if parts.scheme not in DEFAULT_PORTS or not named:
            raise UsageError(f"node address {shown!r}: expected http://host:port or https://host[:port][/path]")
        if parts.username or parts.password:
            raise UsageError(
                f"node address with a user name for host {named}: a NodeODM knows tokens only; "
                "give the token in UAV_NODE_TOKEN"
            )
        # nobody serves plain HTTP at 443: who writes host:443 means https
        scheme = "https" if plain and port == DEFAULT_PORTS["https"] else parts.scheme
        default = NODE_PORT if plain else DEFAULT_PORTS[scheme]
        found = parse_qs(parts.query).get("token", [""])[0]
        return cls(
            scheme=scheme,
            host=named,
            port=port if port is not None else default,
            prefix=parts.path.rstrip("/"),
            token=token or found,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    @property
    def is_loopback(self) -> bool:
        """The node runs on this very machine."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def identity(self) -> str:
        """Which node this is, across restarts: one on loopback may come back on another port."""
        return "loopback" if self.is_loopback else str(self)
