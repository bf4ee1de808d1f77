"""One exchange over HTTP that ends within its bound, whatever the peer does."""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from pyodm.exceptions import NodeConnectionError
from requests.adapters import HTTPAdapter


class _Tracked(HTTPAdapter):
    """An adapter that knows the sockets it opened, so that another thread can cut them."""

    def __init__(self) -> None:
        super().__init__()
        self._sockets: list[socket.socket] = []

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Pool whose connections report their sockets."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        make = type(pool).ConnectionCls

        def tracked(*arguments: Any, **options: Any) -> Any:
            connection = make(*arguments, **options)
            connect = connection.connect

            def connecting() -> None:
                connect()
                self._sockets.append(connection.sock)

            connection.connect = connecting
            return connection

        pool.ConnectionCls = tracked
        return pool

    def cut(self) -> None:
        """Make every read and write that waits fail at once."""
        for connected in self._sockets:
            with suppress(OSError):
                # the plain socket's method: TLS would take its own state apart under the reading thread
                socket.socket.shutdown(connected, socket.SHUT_RDWR)


@contextmanager
def bounded(limit_s: float) -> Iterator[requests.Session]:
    """A session for one request; after `limit_s` its connection is cut.

    The timeouts of sockets bound one silence: a peer that sends a byte now and then would hold a caller for days.

    Raises
    ------
    NodeConnectionError
        The limit has passed before the block ended.
    """
    adapter = _Tracked()
    late = threading.Event()

    def cut() -> None:
        late.set()
        adapter.cut()

    timer = threading.Timer(limit_s, cut)
    timer.daemon = True
    timer.start()
    try:
        with requests.Session() as session:
            for scheme in ("http://", "https://"):
                session.mount(scheme, adapter)
            yield session
    except (requests.exceptions.RequestException, OSError, ValueError):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
    if late.is_set():
        raise NodeConnectionError(f"no complete answer within {limit_s:.0f} s")


class _WithoutToken(logging.Filter):
    """Masks tokens in what urllib3 says of a request: an application may have switched its debug log on."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if "token=" in text:
            record.msg, record.args = re.sub(r"token=[^&\s\"']*", "token=***", text), ()
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutToken())
