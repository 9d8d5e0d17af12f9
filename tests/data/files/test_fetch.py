"""A file of unknown content comes whole and within its limit, or an error says why it does not."""

import pickle
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from bpnet.data.files.fetch import fetch
from bpnet.data.files.patience import Patience
from bpnet.errors import DataError
from tests.helpers.file_server import (
    Answer,
    cut,
    dripping,
    endless,
    hanging,
    redirect,
    serving,
    silent,
    status,
    web_page,
    whole,
)

CONTENT = np.random.default_rng(1).bytes(50_000)
MOST = 1 << 20
QUICK = Patience(connect=1.0, read=0.3, total=1.0, rounds=3, pause=0.01)
DEAD = "http://127.0.0.1:9/files"  # the port of the discard service: nobody listens


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def failed(*answers: Answer, most: int = MOST) -> tuple[str, int]:
    """Return the message, and how often the server was asked."""
    with serving(*answers) as server, pytest.raises(DataError) as raised:
        fetch(f"{server.url}/a.png?token=secret", most, QUICK)
    assert "secret" not in str(raised.value)
    assert server.url in str(raised.value)
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)
    return str(raised.value), len(server.requests)


@pytest.mark.parametrize(
    "answers",
    [
        (whole(CONTENT),),
        (status(503), whole(CONTENT)),
        (cut(CONTENT, 10_000), whole(CONTENT)),
        (hanging(CONTENT, 10_000), whole(CONTENT)),
        (silent, whole(CONTENT)),
        (redirect("/elsewhere"), whole(CONTENT)),
    ],
)
def test_the_whole_content_comes(answers: tuple[Answer, ...]) -> None:
    with serving(*answers) as server:
        assert fetch(server.url, len(CONTENT), replace(QUICK, total=5.0)) == CONTENT


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (status(404), "404 Not Found"),
        (status(206), "206 Partial Content"),
        (web_page, "a web page"),
        (endless, "more than 1 MB"),
        (whole(bytes(MOST + 1)), "more than 1 MB"),
        (lambda request: request.head(200, Content_Length="9" * 5000), "more than 1 MB"),
        (redirect("file:///etc/hostname"), "no answer"),
    ],
)
def test_a_refusal_is_not_asked_again(answer: Callable[..., None], why: str) -> None:
    message, asked = failed(answer)
    assert why in message
    assert asked == 1


@pytest.mark.parametrize(
    "answer", [status(500), hanging(CONTENT, 9), dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", 0.01)]
)
def test_a_server_that_fails_or_stalls_is_asked_again_for_a_while(answer: Answer) -> None:
    assert failed(answer)[1] > 1


def test_nobody_there_and_no_address() -> None:
    for address, why in ((DEAD, "refused"), ("http://", "not valid"), ("http://[x", "not valid")):
        with pytest.raises(DataError, match=why):
            fetch(address, MOST, QUICK)
