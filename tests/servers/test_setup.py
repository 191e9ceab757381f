"""`make setup`: which Python it takes, when it is done, what it says when it cannot."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("sh", "sha256sum", "cut", "cat", "dirname", "mkdir", "rm", "mv", "flock", "uname")
# No test may reach the network: whoever tries meets a port where nobody listens.
OFFLINE = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


class Checkout:
    """A copy of what set-up reads, with a PATH on which only fakes and basic tools are."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)
        for name in ("requirements", "scripts"):
            shutil.copytree(ROOT / name, self.root / name)
        (self.root / "apps/gallery").mkdir(parents=True)
        for name in ("pyproject.toml", "apps/gallery/pyproject.toml"):
            shutil.copy(ROOT / name, self.root / name)

    def program(self, name: str, script: str) -> None:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def python(self, name: str, *, version: str = "3.12", has_venv: bool = True) -> None:
        """A fake that knows its version, and makes a .venv of fakes that log their calls."""
        new = 0 if tuple(map(int, version.split("."))) >= (3, 11) else 1
        called = self.root / "calls"
        inner = f'echo "$@" >> {called}; case "$*" in *version_info*) exit 0;; esac'
        self.program(
            name,
            f"""case "$*" in
*ensurepip*) exit {0 if has_venv else 1} ;;
*sys.executable*) echo {self.bin / name} ;;
*'"%d.%d"'*) echo {version} ;;
*version_info*) exit {new} ;;
*"-m venv"*) echo "{name} made .venv" >> {called}
    mkdir -p .venv/bin
    for name in python uv keepwarm; do
        printf '#!/bin/sh\\n%s\\n' '{inner}' > .venv/bin/$name
        {shutil.which("chmod")} 755 .venv/bin/$name
    done ;;
esac""",
        )

    def setup(self, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [self.root / "scripts/setup.sh"],
            env={"PATH": str(self.bin), **OFFLINE, **environment},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    @property
    def calls(self) -> str:
        path = self.root / "calls"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_takes_the_first_python_that_is_new_enough(checkout: Checkout) -> None:
    checkout.python("python3", version="3.9")
    checkout.program("python3.14", "exit 127")  # on PATH, but it does not run: a pyenv shim
    checkout.python("python3.13", version="3.13")

    done = checkout.setup()

    assert done.returncode == 0, done.stderr
    assert "python3.13 made .venv" in checkout.calls


def test_python_can_be_named(checkout: Checkout) -> None:
    checkout.python("python3")
    checkout.python("my-python")

    assert checkout.setup(PYTHON="my-python").returncode == 0

    assert "my-python made .venv" in checkout.calls


def test_no_new_python_is_told_with_what_was_looked_for(checkout: Checkout) -> None:
    checkout.python("python3", version="3.10")

    done = checkout.setup()

    assert done.returncode == 1
    assert "no Python >= 3.11 found" in done.stderr
    assert "PYTHON=/path/to/python" in done.stderr


def test_without_venv_an_ordinary_user_is_told_the_package(checkout: Checkout) -> None:
    checkout.python("python3", has_venv=False)
    checkout.program("id", "echo 1000")
    checkout.program("apt-get", "exit 9")

    done = checkout.setup()

    assert done.returncode == 1
    assert "sudo apt-get install python3.12-venv" in done.stderr


def test_without_venv_root_installs_the_package(checkout: Checkout) -> None:
    checkout.python("python3", has_venv=False)
    checkout.python("fixed")
    checkout.program("id", "echo 0")
    checkout.program(
        "apt-get",
        f'case "$*" in *install*python3.12-venv) mv {checkout.bin}/fixed '
        f"{checkout.bin}/python3 ;; esac",
    )

    done = checkout.setup()

    assert done.returncode == 0, done.stderr
    assert "fixed made .venv" in checkout.calls


def test_everything_comes_from_hashed_pins(checkout: Checkout) -> None:
    checkout.python("python3")
    checkout.setup()

    installs = [line for line in checkout.calls.splitlines() if "install" in line]

    assert [re.findall(r"requirements/\w+\.txt|-e \S+", line) for line in installs] == [
        ["requirements/build.txt"],
        ["requirements/dev.txt"],
        ["-e .", "-e apps/gallery"],
    ]
    for line in installs[:2]:
        assert "--require-hashes" in line
    assert "--offline --no-deps --no-build-isolation" in installs[2]


def test_a_second_time_nothing_is_run(checkout: Checkout) -> None:
    checkout.python("python3")
    checkout.setup()
    before = checkout.calls

    done = checkout.setup()

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert checkout.calls.removeprefix(before) == "-c \n"  # does .venv's Python still run?


@pytest.mark.parametrize(
    "changed", ["requirements/dev.txt", "pyproject.toml", "apps/gallery/pyproject.toml"]
)
def test_changed_pins_or_projects_are_installed_into_the_same_venv(
    checkout: Checkout, changed: str
) -> None:
    checkout.python("python3")
    checkout.setup()
    with (checkout.root / changed).open("a") as file:
        file.write("# changed\n")

    assert checkout.setup().returncode == 0

    assert checkout.calls.count("made .venv") == 1
    assert checkout.calls.count("requirements/dev.txt") == 2


def test_an_interrupted_setup_is_done_again(checkout: Checkout) -> None:
    """Also when the old pins are back: the .venv holds some of the new ones by then."""
    checkout.python("python3")
    checkout.setup()
    pins = checkout.root / "requirements/dev.txt"
    old = pins.read_text()
    pins.write_text(f"{old}# changed\n")
    programs = [checkout.root / ".venv/bin" / name for name in ("uv", "python")]
    for program in programs:  # the machine goes down while packages are installed
        program.write_text(f'{program.read_text()}case "$*" in *dev.txt*) exit 1;; esac\n')
    assert checkout.setup().returncode != 0
    for program in programs:
        program.write_text(program.read_text().replace("exit 1;; esac\n", "exit 0;; esac\n"))
    pins.write_text(old)

    assert checkout.setup().returncode == 0

    assert checkout.calls.count("-e apps/gallery") == 2


def test_a_broken_venv_is_made_again(checkout: Checkout) -> None:
    checkout.python("python3")
    checkout.setup()
    (checkout.root / ".venv/bin/python").write_text("#!/no/such/interpreter\n")

    assert checkout.setup().returncode == 0

    assert checkout.calls.count("made .venv") == 2


def test_a_moved_checkout_gets_a_new_venv(checkout: Checkout) -> None:
    """The scripts in .venv/bin and the editable installs hold the old path."""
    checkout.python("python3")
    checkout.setup()
    moved = checkout.root.with_name("moved")
    checkout.root.rename(moved)
    checkout.root = moved
    checkout.python("python3")
    (moved / "calls").unlink()

    assert checkout.setup().returncode == 0

    assert "python3 made .venv" in checkout.calls


def test_without_uv_pip_installs_the_same_pins(checkout: Checkout) -> None:
    checkout.python("python3")
    script = checkout.bin / "python3"
    script.write_text(
        script.read_text().replace(
            "esac'", 'esac; case "$0 $*" in *uv*dev.txt*) exit 1;; esac\'', 1
        )
    )

    done = checkout.setup()

    assert done.returncode == 0, done.stderr
    assert "uv could not; trying pip" in done.stderr
    assert re.search(r"-m pip install .*--require-hashes .*dev\.txt", checkout.calls)


HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("crates", "io"),
    )
]


def test_no_file_names_a_registrys_host() -> None:
    """Where packages come from is the machine's configuration, never the repository's."""
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    assert "requirements/dev.txt" in tracked
    found = [
        f"{name}: {host}"
        for name in filter(None, tracked)
        if (ROOT / name).is_file()
        for host in HOSTS
        if host.encode() in (ROOT / name).read_bytes()
    ]
    assert found == []


@pytest.mark.parametrize("name", ["build", "dev", "app", "node"])
def test_every_pin_is_exact_hashed_and_without_an_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    lines = text.replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line and not line.lstrip().startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:", pin)] == []
    assert "//" not in text


def test_the_browsers_packages_are_exact_hashed_and_without_an_address() -> None:
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if "node_modules" in name}
    ours = {name for name, each in packages.items() if each.get("link")}
    assert "node_modules/@keepwarm/live" in ours
    assert [n for n in packages.keys() - ours if "integrity" not in packages[n]] == []
    assert [n for n in packages.keys() - ours if "resolved" in packages[n]] == []


def test_the_venv_that_runs_this_has_the_programs_setup_promises() -> None:
    folder = Path(sys.executable).parent
    assert os.access(folder / "python", os.X_OK)
    assert os.access(folder / "keepwarm", os.X_OK)


def test_every_declared_dependency_is_pinned() -> None:
    """A dependency added without `make pins` would fail on the next clean machine only."""
    declared: list[str] = (ROOT / "requirements/dev.in").read_text().splitlines()
    for project in ("pyproject.toml", "apps/gallery/pyproject.toml"):
        metadata = tomllib.loads((ROOT / project).read_text())["project"]
        for group in (
            metadata["dependencies"],
            *metadata.get("optional-dependencies", {}).values(),
        ):
            declared += group
    names = {
        canonicalize_name(Requirement(line).name)
        for line in declared
        if line and not line.startswith("-")
    }
    pinned = set(re.findall(r"^([\w.-]+)==", (ROOT / "requirements/dev.txt").read_text(), re.M))
    assert len(names) > 20
    assert names - pinned == {"keepwarm"}
