"""`keepwarm proxy` as somebody starts it: what it says, serves, refuses, and how it ends."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keepwarm.proxy.servers import SERVERS
from keepwarm.stores.redis.server import EmbeddedServer

from .clients import Client, fetch, get
from .origins import Origin, Peer

COMMAND = [sys.executable, "-m", "keepwarm.cli", "proxy"]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ENVIRONMENT = {"PATH": "/usr/bin:/bin"}  # no REDIS_URL of this machine


@contextmanager
def proxying(origin: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running command and its port."""
    with subprocess.Popen(
        [*COMMAND, "--json", "--listen", ":0", "--upstream", origin, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield process, int(told["listening"].rpartition(":")[2])
        finally:
            if process.poll() is None:
                process.kill()


def refused(*options: str) -> str:
    """What a command that must not start says."""
    ended = subprocess.run(
        [*COMMAND, *options],
        capture_output=True,
        text=True,
        timeout=30,
        env=ENVIRONMENT,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("server", list(SERVERS))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_it_serves_and_stops_when_told(server: str, number: int) -> None:
    with Origin() as origin, proxying(origin.url, "--server", server) as (process, port):
        origin.answers(OK)
        with Client(port) as kept:  # an idle connection does not keep it
            assert kept.send(get()).reply().body == b"ok"
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=15)

    assert (process.returncode, stdout, stderr) == (0, "", "")


@pytest.mark.parametrize("server", list(SERVERS))
def test_it_stops_although_an_upstream_never_answers(server: str) -> None:
    def hang(peer: Peer) -> None:
        peer.wait_closed()

    with Origin() as origin, proxying(origin.url, "--server", server) as (process, port):
        origin.plays(hang)
        with Client(port) as client:
            client.send(get())
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)

    assert process.returncode == 0


def test_it_says_for_people_where_it_listens() -> None:
    with Origin() as origin:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "keepwarm.cli",
                "proxy",
                "--upstream",
                origin.url,
                "--listen",
                "127.0.0.1:0",
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=15)

    assert line.startswith("listening on http://127.0.0.1:")
    assert line.endswith(f" (uvicorn), forwarding to {origin.url}\n")
    assert rest == "stopped\n"


def test_two_proxies_share_what_is_in_a_store() -> None:
    """One fills, the other answers; an unsafe request to either ends it for both."""
    page = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=3600\r\nContent-Length: 2\r\n\r\nok"
    with (
        EmbeddedServer() as store,
        Origin() as origin,
        proxying(origin.url, "--store", store.url) as (_, first),
        proxying(origin.url, "--store", store.url, "--server", "granian") as (_, second),
    ):
        origin.answers(page)
        for port in (first, second, first, second):
            assert fetch(port, "/a").body == b"ok"
        assert len(origin.requests) == 1

        fetch(second, "/a", "Content-Length: 0", method="DELETE")
        fetch(first, "/a")

    assert len(origin.requests) == 3


@pytest.mark.parametrize("server", list(SERVERS))
def test_a_cut_response_is_told_in_a_line(server: str) -> None:
    def cut(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 9\r\n\r\nabc")

    with Origin() as origin, proxying(origin.url, "--server", server) as (process, port):
        origin.plays(cut)
        assert not fetch(port).is_whole
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=15)

    assert "Traceback" not in stderr


@pytest.mark.parametrize(
    "options, said",
    [
        (["--upstream", "https://a"], "https:// upstream is not offered yet"),
        (["--upstream", "a"], "written http://HOST[:PORT]"),
        (["--upstream", "http://a", "--listen", "8080"], "written HOST:PORT"),
        (["--upstream", "http://a", "--listen", "::1:80"], "written HOST:PORT"),
        (["--upstream", "http://a", "--listen", "a:65536"], "written HOST:PORT"),
        (["--upstream", "http://a", "--listen", "nowhere.invalid:80"], "cannot listen on"),
        (["--upstream", "http://a", "--server", "apache"], "not one of uvicorn, hypercorn"),
        (["--upstream", "http://a", "--near", "much"], "near"),
        (["--upstream", "http://a", "--max-body", "1"], "max-body"),
        (["--upstream", "http://a", "--timeout", "1"], "timeout"),
        (["--upstream", "http://a", "--timeout", "0s"], "timeout"),
        (["--upstream", "http://a", "--store", "mysql://a"], "mysql"),
        ([], "--upstream"),
    ],
)
def test_wrong_usage_is_told_without_a_traceback(options: list[str], said: str) -> None:
    assert said in refused(*options)


@pytest.mark.parametrize("server", list(SERVERS))
def test_a_taken_port_is_told(server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(
            "--upstream", "http://a", "--listen", f"127.0.0.1:{port}", "--server", server
        )

    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in said


@pytest.mark.parametrize("missing", ["uvicorn", "httptools", "hypercorn", "granian"])
def test_a_missing_server_names_its_extra(missing: str) -> None:
    server = "uvicorn" if missing == "httptools" else missing
    hidden = f"import sys; sys.modules[{missing!r}] = None; import keepwarm.cli as c; c.main()"
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            hidden,
            "proxy",
            "--upstream",
            "http://a",
            "--server",
            server,
            "--listen",
            ":0",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        env=ENVIRONMENT,
    )

    assert ended.returncode == 2
    assert "pip install 'keepwarm[proxy]'" in ended.stderr


def test_the_page_lists_every_option() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "proxy.md").read_text(encoding="utf-8")
    asked = subprocess.run(
        [*COMMAND, "--help"], capture_output=True, text=True, timeout=30, env=ENVIRONMENT
    )
    options = set(re.findall(r"--[a-z][a-z-]+", asked.stdout)) - {"--help"}

    assert {"--listen", "--upstream"} <= options
    assert [option for option in sorted(options) if option not in page] == []


def test_a_cookie_is_shared_by_name() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n"
        b"Set-Cookie: theme=dark\r\nSet-Cookie: session=secret\r\n\r\nok"
    )
    with Origin() as origin, proxying(origin.url, "--share-cookie", "theme") as (_, port):
        origin.answers(answer)
        replies = [fetch(port) for _ in range(2)]

    cookies = [[v for n, v in reply.fields if n.lower() == b"set-cookie"] for reply in replies]
    assert cookies == [[b"theme=dark", b"session=secret"], [b"theme=dark"]]
