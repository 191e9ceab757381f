"""Do what a stranger does: clone HEAD on a bare machine, `make run`, look, stop, `make test`.

The clone gets an empty HOME and a PATH without node. Prints one line per step; exit status 0
only if all held. CLEAN_ROOM_TEST=no leaves `make test` out, CLEAN_ROOM_KEEP=yes keeps the folder.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
SERVING_S = 900  # the first start downloads every package and seeds the database
AGAIN_S = 60  # nothing to download, nothing to seed
STOP_S = 20
NODE = {"node", "nodejs", "npm", "npx", "corepack", "yarn", "pnpm", "bun", "deno"}
# How this machine reaches the network is no part of the room.
NETWORK = ("PROXY", "SSL_CERT", "CA_BUNDLE", "PIP_CERT", "PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT")
PAGE = "/"
HEALTH = "/api/cache/health"
LIST = "/api/characters?mode=trending&page=0"


class Failed(Exception):
    """A step did not hold; the text says which and what was seen."""


def main() -> int:
    room = Path(tempfile.mkdtemp(prefix="clean-room-"))
    began = time.monotonic()
    try:
        clone, environment = furnish(room)
        serve(clone, environment, "make run", SERVING_S)
        offline = environment | dict.fromkeys(
            ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
            "http://127.0.0.1:9",  # nobody listens there: any use of the network fails
        )
        serve(clone, offline | {"NO_PROXY": "127.0.0.1"}, "make run again, offline", AGAIN_S)
        if os.environ.get("CLEAN_ROOM_TEST", "yes") != "no":
            test(clone, environment)
    except Failed as failure:
        print(f"clean room: FAILED: {failure}", flush=True)
        return 1
    finally:
        if os.environ.get("CLEAN_ROOM_KEEP", "no") == "no":
            shutil.rmtree(room, ignore_errors=True)
        else:
            print(f"clean room: kept {room}")
    print(f"clean room: passed in {time.monotonic() - began:.0f} s", flush=True)
    return 0


def furnish(room: Path) -> tuple[Path, dict[str, str]]:
    clone = room / "keepwarm"
    git = ("git", "-c", "advice.detachedHead=false", "-C", str(SOURCE))
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    if subprocess.check_output([*git, "status", "--porcelain"], text=True):
        say("uncommitted changes are not in the room: it holds HEAD")
    subprocess.run([*git, "clone", "-q", "--no-hardlinks", str(SOURCE), str(clone)], check=True)
    subprocess.run(["git", "-C", str(clone), "checkout", "-q", "--detach", head], check=True)
    say(f"cloned {head[:10]} into {clone}")
    home = room / "home"
    home.mkdir()
    network = {
        name: value
        for name, value in os.environ.items()
        if any(part in name.upper() for part in NETWORK)
    }
    environment = network | {
        "HOME": str(home),
        "PATH": str(path_without_node(room / "bin")),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PORT": str(free_port()),
    }
    return clone, environment


def path_without_node(farm: Path) -> Path:
    """A folder of links to every program on PATH but node's: node may lie beside git."""
    farm.mkdir()
    for folder in map(Path, os.environ["PATH"].split(os.pathsep)):
        if not folder.is_dir() or folder.is_relative_to(SOURCE) or folder.name == "shims":
            continue
        for program in folder.iterdir():
            link = farm / program.name
            if program.name not in NODE and not link.is_symlink() and os.access(program, os.X_OK):
                link.symlink_to(program)
    # The Python that made this .venv is known to do; the machine's first may be too old.
    (farm / "python3").unlink(missing_ok=True)
    (farm / "python3").symlink_to(Path(sys.executable).resolve())
    return farm


def serve(clone: Path, environment: dict[str, str], what: str, patience_s: float) -> None:
    """`make run` until its page and health answer and a list is a HIT; then Ctrl-C."""
    address = f"http://127.0.0.1:{environment['PORT']}"
    log = clone.parent / "run.log"
    began = time.monotonic()
    with log.open("w") as output:
        run = subprocess.Popen(
            ["make", "run"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_until_serving(run, address, log, began + patience_s)
            say(f"{what}: serves after {time.monotonic() - began:.0f} s")
            look(address)
        finally:
            stop(run, log)
    if left := processes_in(clone):
        raise Failed(f"{what}: still running after Ctrl-C: {left}")
    say(f"{what}: stopped by Ctrl-C, nothing left running")


def wait_until_serving(
    run: "subprocess.Popen[bytes]", address: str, log: Path, deadline: float
) -> None:
    missing = [PAGE, HEALTH]
    while missing:
        if run.poll() is not None:
            raise Failed(f"make run ended with {run.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise Failed(f"{address}{missing[0]} does not answer:\n{tail(log)}")
        try:
            get(address + missing[0])
            missing.pop(0)
        except OSError:
            time.sleep(0.2)


def look(address: str) -> None:
    status = json.loads(get(address + HEALTH)[1])["cache"]["status"]
    first, _ = get(address + LIST)
    began = time.monotonic()
    second, _ = get(address + LIST)
    took_ms = (time.monotonic() - began) * 1000
    say(f"cache is {status}; GET {LIST}: X-Cache {first}, then {second} in {took_ms:.1f} ms")
    if second != "HIT":
        raise Failed(f"the second GET {LIST} has X-Cache {second}, not HIT")
    if status != "healthy":
        raise Failed(f"{HEALTH} says {status}")


def stop(run: "subprocess.Popen[bytes]", log: Path) -> None:
    if run.poll() is None:
        os.killpg(run.pid, signal.SIGINT)  # as the terminal does: to make and to the app
    try:
        run.wait(STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        raise Failed(f"did not stop within {STOP_S} s of Ctrl-C:\n{tail(log)}") from None
    if "Traceback (most recent call last)" in log.read_text(errors="replace"):
        raise Failed(f"a traceback in its output:\n{tail(log, 60)}")


def test(clone: Path, environment: dict[str, str]) -> None:
    began = time.monotonic()
    log = clone.parent / "test.log"
    with log.open("w") as output:
        done = subprocess.run(
            ["make", "test"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise Failed(f"make test ended with {done.returncode}:\n{tail(log, 80)}")
    say(f"make test: {tail(log, 1).strip(' =')} ({time.monotonic() - began:.0f} s)")


def processes_in(clone: Path) -> list[str]:
    """Command lines of processes that run something of the clone, or of its servers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = os.readlink(entry / "cwd")
        except OSError:
            continue
        if str(clone) in command or place.startswith(str(clone)):
            found.append(f"{entry.name} {command.strip()}")
    return found


def get(url: str) -> tuple[str, bytes]:
    """X-Cache ("" without) and the body; OSError (HTTPError is one) unless 200."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answer:
        return answer.headers.get("X-Cache", ""), answer.read()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tail(log: Path, lines: int = 25) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def say(text: str) -> None:
    print(f"clean room: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
