from __future__ import annotations

import pytest

from uav_workflow.errors import UsageError
from uav_workflow.photogrammetry.address import NodeAddress
from uav_workflow.photogrammetry.connection import Connection
from uav_workflow.photogrammetry.patience import Patience


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("localhost", "http://localhost:3000"),
        ("localhost:4000", "http://localhost:4000"),
        ("http://host", "http://host"),
        ("https://host", "https://host"),
        ("https://host:8443/base/", "https://host:8443/base"),
        ("http://host:3000/?token=abc", "http://host:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        (" http://host:3000 ", "http://host:3000"),
        ("HTTP://Host:3000/Base", "http://host:3000/Base"),
        ("host:443", "https://host"),
        ("host:443/odm", "https://host/odm"),
        ("http://host:443", "http://host:443"),
        ("host:3000?token=abc", "http://host:3000"),
    ],
)
def test_is_read_as_users_write_it(text: str, shown: str) -> None:
    assert str(NodeAddress.parse(text)) == shown


def test_token_is_cut_out_at_once_and_never_shown() -> None:
    address = NodeAddress.parse("https://host:8443/base?token=s%26cret")
    assert address.token == "s&cret"
    assert "cret" not in str(address) + repr(address)
    assert Connection(address).url("/info") == "https://host:8443/base/info?token=s%26cret"


def test_token_of_the_settings_wins() -> None:
    assert NodeAddress.parse("http://host?token=old", "new").token == "new"


@pytest.mark.parametrize(
    "text",
    [
        "ftp://host",
        "http://",
        "http://host:port",
        "http://user:secret@host",
        "ftp://user:secret@host",
        "http://user:secret@host:port",
        "http://[::1",
        "http://host:99999",
        "",
    ],
)
def test_refuses_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        NodeAddress.parse(text)
    assert "secret" not in str(caught.value)


def test_token_of_one_node_never_reaches_another() -> None:
    first = Connection(NodeAddress.parse("http://one", "secret"))
    second = Connection(NodeAddress.parse("http://two"))
    first.url("/info")
    assert second.url("/info") == "http://two/info"
    assert second.url("/x", {"a": "1"}) == "http://two/x?a=1"


def test_token_is_in_no_message() -> None:
    node = Connection(NodeAddress.parse("http://127.0.0.1:9", "se cret/1"), Patience(timeout_s=1))
    with pytest.raises(Exception, match=r"\*\*\*") as caught:
        node.get("/info")
    assert "cret" not in str(caught.value)
