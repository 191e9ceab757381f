"""`python -m gallery`: one command that seeds once, serves, and says what is wrong."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from gallery.__main__ import _admin_password
from gallery.settings import Settings


class Started:
    """The command in a process of its own, on a free port, with its output so far."""

    def __init__(self, data: Path, **env: str) -> None:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = {"GALLERY_DATA": str(data), "GALLERY_SIZE": "small", "PORT": "0", "COLUMNS": "200"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gallery"],
            env={**kept, "REDIS_URL": "memory://", **given, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=data,
        )
        self.output = ""

    def address(self) -> str:
        """Where it serves, once it says so. The end of its output ends the wait."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if "Ctrl-C" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:\d+", self.output)
        assert found, self.output
        return found[0]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=30)
        self.output += out
        return self.process.returncode


@pytest.fixture
def start(tmp_path):
    running = []

    def start_one(**env):
        running.append(Started(tmp_path, **env))
        # Should it hang, its end unblocks whoever reads its output.
        alarm = threading.Timer(60, running[-1].process.kill)
        alarm.daemon = True
        alarm.start()
        running[-1].alarm = alarm
        return running[-1]

    yield start_one
    for each in running:
        each.alarm.cancel()
        each.process.kill()
        each.process.wait()
        each.process.stdout.close()


def test_first_start_seeds_and_serves_and_the_second_only_serves(start):
    first = start()
    with httpx.Client(base_url=first.address()) as visitor:
        assert "Seeded" in first.output
        assert visitor.get("/").status_code == 200
        assert visitor.get("/api/cache/health").json()["cache"]["status"] == "healthy"
        before = visitor.get("/api/characters", params={"mode": "newest"}).json()
        assert before["total"] == 300
        assert visitor.get("/api/characters?mode=newest").headers["X-Cache"] == "HIT"
    assert first.end() == 0, first.output

    second = start()
    with httpx.Client(base_url=second.address()) as visitor:
        assert "Seeded" not in second.output
        assert visitor.get("/api/characters", params={"mode": "newest"}).json()["total"] == 300
    assert second.end() == 0, second.output
    assert "Traceback" not in first.output + second.output


def test_printed_users_can_sign_in(start, tmp_path):
    running = start()
    with httpx.Client(base_url=running.address()) as visitor:
        shown = re.search(r"u0 … \S+ password (\S+)", running.output)
        assert shown, running.output
        secret = tmp_path / "admin-password"
        assert secret.stat().st_mode & 0o777 == 0o600
        for name, password in (("u0", shown[1]), ("admin", secret.read_text().strip())):
            answer = visitor.post("/api/auth/login", json={"username": name, "password": password})
            assert answer.status_code == 200, answer.text
        assert secret.read_text().strip() not in running.output


def test_taken_port_is_told_at_once(start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused = start(PORT=str(port))
        out, _ = refused.process.communicate(timeout=30)
    assert refused.process.returncode == 2
    assert f"Port {port} is taken" in out
    assert "PORT=" in out
    assert "Traceback" not in out
    assert not (tmp_path / "gallery.db").exists()


def test_unusable_setting_is_told(start):
    refused = start(PORT="http")
    out, _ = refused.process.communicate(timeout=30)
    assert refused.process.returncode == 2
    assert out.strip() == "PORT must be a whole number, not 'http'."


def test_a_store_that_cannot_be_is_refused_in_a_sentence(start):
    refused = start(REDIS_URL="garbage")
    out, _ = refused.process.communicate(timeout=60)

    assert refused.process.returncode == 2
    assert "a store's URL begins with" in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    "url, says",
    [
        ("garbage", "DATABASE_URL must be like sqlite:///"),
        ("mysql://host/name", "must be sqlite or postgresql, not 'mysql'"),
        ("sqlite://", "must name a file"),
        ("postgresql://user:hidden@127.0.0.1:port/name", "DATABASE_URL must be like"),
        ("postgresql://user:hidden@127.0.0.1:1/name", "cannot be reached"),
        ("postgresql://127.0.0.1:1/name?password=hidden", "cannot be reached"),
        ("sqlite:////proc/nope/gallery.db", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_is_refused_in_a_sentence(start, url, says):
    refused = start(DATABASE_URL=url)
    out, _ = refused.process.communicate(timeout=60)

    assert refused.process.returncode == 2
    assert says in out
    assert "Traceback" not in out
    assert "hidden" not in out


def test_two_first_starts_at_once_seed_once_and_both_serve(start, tmp_path):
    both = [start(), start()]
    secrets = set()
    for each in both:
        with httpx.Client(base_url=each.address()) as visitor:
            secrets.add((tmp_path / "admin-password").read_text().strip())
            (password,) = secrets
            answer = visitor.post(
                "/api/auth/login", json={"username": "admin", "password": password}
            )
            assert answer.status_code == 200, answer.text
            assert visitor.get("/api/characters").json()["total"] == 300
    assert [each.end() for each in both] == [0, 0]
    output = both[0].output + both[1].output
    assert output.count("Seeded") == 1
    assert "Traceback" not in output


def test_who_draws_a_password_second_waits_for_the_first(tmp_path, monkeypatch):
    secret = tmp_path / "admin-password"
    secret.touch()  # who was first has not written it yet
    monkeypatch.setattr(time, "sleep", lambda _: secret.write_text("theirs\n"))
    settings = Settings.from_env({"GALLERY_DATA": str(tmp_path)})

    assert _admin_password(settings) == _admin_password(settings) == "theirs"


def test_a_password_file_that_stays_empty_is_told(start, tmp_path):
    (tmp_path / "admin-password").touch()
    refused = start()
    out, _ = refused.process.communicate(timeout=60)

    assert refused.process.returncode == 2
    assert "admin-password is empty: delete it" in out
    assert "Traceback" not in out


def test_starts_a_store_of_its_own(start):
    running = start(REDIS_URL="")
    with httpx.Client(base_url=running.address()) as visitor:
        health = visitor.get("/api/cache/health").json()
        assert health["cache"]["status"] == "healthy"
        metrics = visitor.get("/api/cache/metrics")
        assert metrics.status_code == 200
    assert running.end() == 0, running.output


@pytest.mark.parametrize("argument, code", [("--help", 0), ("serve", 2)])
def test_arguments_are_answered_and_nothing_is_started(tmp_path, argument, code):
    ran = subprocess.run(
        [sys.executable, "-m", "gallery", argument],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == code
    assert "usage: python -m gallery" in ran.stdout + ran.stderr
    assert ("GALLERY_WRITES" in ran.stdout) == (code == 0)
    assert list(tmp_path.iterdir()) == []
