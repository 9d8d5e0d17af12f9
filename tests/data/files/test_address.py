"""No message shows a password, a user's name or a token."""

import json
from pathlib import Path

import pytest

from bpnet.data.files.address import file_address, without_secrets
from bpnet.data.files.mirror import MirrorError, ask
from tests.helpers.file_server import redirect, serving, status
from tests.helpers.tiny import bpnet, fail, succeed

HOST = "127.0.0.1:9"  # the port of the discard service: nobody listens
SECRET = [
    f"http://user:secret@{HOST}/files",
    f"http://secret@{HOST}/files",
    f"http://secret:@{HOST}/files",
    f"HTTP://user:secret@{HOST}/files",
    f"http://user:se%63ret@{HOST}/files",
    f"http://user%3Asecret%40{HOST}/files",
    f"http://user%253Asecret%2540{HOST}/files",
    f"http://user:secret@more@{HOST}/files",
    f"http://user:a/secret@{HOST}/files",
    f"http://user:a?secret@{HOST}/files",
    f"http://user:a#secret@{HOST}/files",
    f"http://user:a;secret@{HOST}/files",
    f"http://user:secret＠{HOST}/files",
    f"http://user:a\nsecret@{HOST}/files",
    "http://user:secret@",
    "http://user:secret@/files",
    "http://user:secret",
    "http://user:secret/files",
    "http://user:secret@[",
    "http://user:secret@[::1]:x/files",
    "http://user:secret@127.0.0.1:bad/files",
    "http://127.0.0.1:secret/files",
    "http://user:secret@127.0.0.1:99999/files",
    "http:/user:secret@host/files",
    "http:\\\\user:secret@host/files",
    "ftp://user:secret@host/files",
    "htp://user:secret@host/files",
    "user:secret@host/files",
    "user:secret",
    f"http://{HOST}/files?token=secret",
    f"http://{HOST}/files?token=a@secret",
    f"http://{HOST}/files%3Ftoken=secret",
    f"http://{HOST}/files;token=secret",
    f"http://{HOST}/files#secret",
]


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send everything that is not on this machine to a proxy that does not answer."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, f"http://somebody:hidden@{HOST}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("address", SECRET)
def test_what_is_secret_is_not_shown(address: str) -> None:
    shown = without_secrets(address)
    assert "secret" not in shown.replace("%63", "c")
    assert "user" not in shown.partition(":***")[0] or "@" not in address
    assert "***" in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://user:secret@host:80/files/", "http://***@host:80/files/"),
        ("https://host/files?token=secret", "https://host/files?***"),
        ("http://[::1]:8000/files", "http://[::1]:8000/files"),
        ("https://host/files/", "https://host/files/"),
        ("/srv/mnist", "/srv/mnist"),
        ("", ""),
    ],
)
def test_the_rest_stays_as_it_is(address: str, shown: str) -> None:
    assert without_secrets(address) == shown


def test_a_query_stays_at_the_end() -> None:
    assert file_address("http://host/set/", "a.gz") == "http://host/set/a.gz"
    assert file_address("http://host/set?token=1", "a.gz") == "http://host/set/a.gz?token=1"


@pytest.mark.parametrize("address", SECRET)
def test_no_request_that_fails_tells_it(address: str) -> None:
    with pytest.raises(MirrorError) as raised:
        ask(address, start=0, timeouts=(5, 5), wait=10)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None  # --debug would show it
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("location", [f"http://user:secret@{HOST}/", "http://user:secret@[/"])
def test_no_redirect_tells_it(location: str) -> None:
    with serving(redirect(location)) as server, pytest.raises(MirrorError) as raised:
        ask(f"{server.url}/a.gz", start=0, timeouts=(5, 5), wait=10)
    assert "secret" not in str(raised.value)


def test_a_redirect_to_nowhere_is_an_answer() -> None:
    with serving(redirect("")) as server:
        answer = ask(f"{server.url}/a.gz", start=0, timeouts=(5, 5), wait=10)
        answer.close()
    assert answer.status_code == 302


@pytest.mark.parametrize(
    "proxy", [f"http://user:secret@{HOST}", "http://user:secret@[", "socks5://user:secret@h"]
)
def test_the_password_of_a_proxy_is_not_told(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "")
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, proxy)
    with pytest.raises(MirrorError) as raised:
        ask("http://host.invalid/a.gz", start=0, timeouts=(5, 5), wait=10)
    assert "secret" not in str(raised.value)
    assert HOST not in proxy or "proxy" in str(raised.value)


class TestCommands:
    def test_the_error_names_the_server_only(self, tmp_path: Path) -> None:
        with serving(status(404)) as server:
            address = server.url.replace("http://", "http://user:secret@")
            words = ("data", "fetch", "--data-dir", tmp_path, "--mirror", f"{address}?token=secret")
            answer = bpnet("--debug", *words, cwd=tmp_path)
        assert answer.returncode == 3
        assert "secret" not in answer.stderr + answer.stdout
        assert "Traceback" in answer.stderr
        shown = server.url.replace("http://", "http://***@")
        assert f"{shown}?***: it answers 404 Not Found" in answer.stderr
        assert server.requests[0][0] == "/files/train-images-idx3-ubyte.gz?token=secret"

    def test_what_is_no_web_address_is_not_told(self, tmp_path: Path) -> None:
        words = ("data", "fetch", "--data-dir", tmp_path)
        message = fail(2, *words, "--mirror", "user:secret@host/files")
        assert "secret" not in message
        assert "found: ***@host/files" in message

    def test_data_info_does_not_tell_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BPNET_MIRROR", SECRET[0])
        document = succeed("data", "info", "mnist", "--data-dir", tmp_path, "--json").out
        assert json.loads(document)["datasets"][0]["mirrors"]
        assert "secret" not in document


@pytest.mark.parametrize("path", ["x.png", "x.png?token=secret"])
@pytest.mark.parametrize(
    "words",
    [
        (3, "predict"),
        (3, "predict", "none.png"),
        (2, "data", "fetch"),
        (3, "data", "verify", "--data-dir"),
        (2, "train", "--config"),
        (4, "train", "--resume"),
        (4, "eval"),
        (4, "verify-run"),
    ],
)
def test_no_message_tells_it_where_an_address_is_in_the_wrong_place(
    words: tuple[int, str], path: str
) -> None:
    message = fail(*words, f"http://user:secret@host/{path}")
    assert "***" in message
    assert "secret" not in message
