"""What deploy/ promises, held without a Docker engine: schema, lint, and a real server."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from ruamel.yaml import YAML

from keepwarm.stores.redis.binary import wheel_binary
from keepwarm.testing.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
PASSWORD = "Correct-Horse-7"
COMPOSE: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "compose.yaml")
SERVICES = COMPOSE["services"]


def interpolated(text: str, environment: Mapping[str, str]) -> str:
    """As Compose does it: ${NAME:?error}, ${NAME:-default}, $$ for a dollar sign."""

    def value(match: re.Match[str]) -> str:
        name, operator, rest = match["name"], match["operator"], match["rest"]
        if given := environment.get(name):
            return given
        if operator == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest or ""

    pattern = r"\$\{(?P<name>\w+)(?:(?P<operator>:\?|:-)(?P<rest>[^}]*))?\}"
    return re.sub(pattern, value, text).replace("$$", "$")


@contextmanager
def the_composed_redis(binary: Path, folder: Path) -> Iterator[int]:
    """A server with the arguments of compose.yaml; only the password file's place differs."""
    command = list(SERVICES["redis"]["command"])
    for config in SERVICES["redis"]["configs"]:
        content = COMPOSE["configs"][config["source"]]["content"]
        file = folder / Path(config["target"]).name
        file.write_text(interpolated(content, {"REDIS_PASSWORD": PASSWORD}))
        command[command.index(config["target"])] = str(file)
    assert command[0] == "redis-server"
    port = free_port()
    with subprocess.Popen(
        [binary, *command[1:], "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            deadline = time.monotonic() + 10
            while not answers(port):
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.01)
            yield port
        finally:
            server.kill()


def answers(port: int) -> bool:
    with connect(port, PASSWORD) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False


def connect(port: int, password: str | None) -> redis.Redis:
    return redis.Redis(
        port=port, password=password, decode_responses=True, retry=Retry(NoBackoff(), 0)
    )


def test_compose_file_fits_the_compose_schema() -> None:
    done = subprocess.run(
        [
            BIN / "check-jsonschema",
            *("--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerfile_passes_hadolint() -> None:
    done = subprocess.run(
        [BIN / "hadolint", DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_composed_server_needs_the_password_and_is_bounded(tmp_path: Path) -> None:
    binary = wheel_binary()
    assert binary is not None
    with the_composed_redis(binary, tmp_path) as port:
        for wrong in (None, "wrong", ""):
            with connect(port, wrong) as client, pytest.raises(redis.AuthenticationError):
                client.get("k")
        with connect(port, PASSWORD) as client:
            settings = client.config_get("maxmemory", "maxmemory-policy", "save", "appendonly")
    assert settings == {
        "maxmemory": str(512 * 1024 * 1024),
        "maxmemory-policy": "allkeys-lru",
        "save": "",
        "appendonly": "no",
    }


@pytest.mark.more
def test_the_health_check_tells_a_right_password_from_a_wrong_one(tmp_path: Path) -> None:
    found = shutil.which("redis-server")
    assert found is not None, "make test-more sees to redis-server and redis-cli"
    kind, check = SERVICES["redis"]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    with the_composed_redis(Path(found), tmp_path) as port:
        here = check.replace("redis-cli", f"redis-cli -p {port}")
        codes = [
            subprocess.run(
                ["sh", "-c", here],
                env=os.environ | {"REDISCLI_AUTH": password},
                stderr=subprocess.DEVNULL,
                check=False,
            ).returncode
            for password in (PASSWORD, "wrong")
        ]
    assert codes == [0, 1]


def test_the_health_check_gets_the_password() -> None:
    environment = SERVICES["redis"]["environment"]
    assert interpolated(environment["REDISCLI_AUTH"], {"REDIS_PASSWORD": PASSWORD}) == PASSWORD


@pytest.mark.parametrize("secret", ["REDIS_PASSWORD", "POSTGRES_PASSWORD"])
def test_nothing_starts_without_its_passwords(secret: str) -> None:
    """Every use is `${NAME:?...}`: neither a default nor the empty string will do."""
    text = (DEPLOY / "compose.yaml").read_text()
    uses = re.findall(r"\$\{?" + secret + r"[^}]*\}?", text)
    assert len(uses) >= 2
    assert [use for use in uses if not use.startswith(f"${{{secret}:?")] == []
    environment = {"REDIS_PASSWORD": "a", "POSTGRES_PASSWORD": "b"} | {secret: ""}
    with pytest.raises(KeyError, match=secret):
        interpolated(text, environment)


def test_only_the_app_is_reachable_and_only_on_loopback() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert published.pop("app") == ["127.0.0.1:${PORT:-8000}:8000"]
    assert set(map(str, published.values())) == {"[]"}
    for name in published:
        assert SERVICES[name]["networks"] == ["internal"]
        assert SERVICES[name].get("network_mode") is None
    assert COMPOSE["networks"]["internal"]["internal"] is True


def test_no_password_is_on_a_command_line() -> None:
    for service in SERVICES.values():
        assert "PASSWORD" not in str(service.get("command", ""))
        assert "PASSWORD" not in str(service.get("healthcheck", ""))


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(example) == used
    assert [
        name for name in example if "PASSWORD" in name or "TOKEN" in name if example[name]
    ] == []


def test_the_image_runs_as_nobody_in_particular() -> None:
    instructions = (DEPLOY / "Dockerfile").read_text().split("\nFROM ")[-1]
    users = re.findall(r"^USER (.+)$", instructions, re.MULTILINE)
    assert users == ["10001:10001"]


def test_the_image_gets_only_pinned_packages() -> None:
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip (?:install|wheel) [^&\n]*", text)
    assert len(installs) == 4
    for install in installs:
        assert "--require-hashes" in install or "--offline" in install or "-isolation" in install
