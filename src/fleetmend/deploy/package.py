"""The Lambda artifact: one zip for all functions, the same bytes wherever it is made.

In it are the rooms `core`, `aws` and `lambdas`, and the dependencies of `locks/lambda.txt`,
checked by hash: pure Python only, so that one zip serves any architecture and runtime. What
would make two builds differ is kept out or fixed: times, permissions, order, and what an
installer writes beside a package. Entries are stored and not deflated, because zlib and its
successors give different bytes for the same content; that costs about 7 MB to upload, once per
release.

boto3 describes some 400 services in 27 MB. Only the newest descriptions of those services are
kept that the packaged code makes clients of, which is read from the code: a service is named
where a client is made, as a literal. A test makes every one of them from the unpacked zip.
"""

import ast
import hashlib
import importlib.resources
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import fleetmend

NAME = "fleetmend-lambda.zip"

ROOMS = ("core", "aws", "lambdas")
"""What runs in Lambda (design: the artifact is core + aws + lambdas)."""

PYTHON = "3.13"
"""The runtime that dependencies are chosen for; they are pure Python, and run on newer ones."""

CACHE_VARIABLE = "FLEETMEND_CACHE"
"""Where installed dependencies are kept between builds, instead of the user's cache folder."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold."""

_NATIVE = (".so", ".pyd", ".dylib", ".dll")

_INSTALLERS_OWN = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json", "uv_cache.json"}
"""Files in a .dist-info that tell of the installation and not of the package."""

_DATA = PurePosixPath("botocore/data")
_SERVICE_FILES = {
    "botocore/data": {"endpoint-rule-set-1", "paginators-1", "service-2", "waiters-2"},
    "boto3/data": set[str](),
}
"""By folder of service descriptions: the files that clients read. boto3's own are for its
resource interface, and botocore's examples for its documentation."""


class PackagingFailed(Exception):
    """The artifact cannot be made; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """An artifact that was made. `sha256` is in hexadecimal, `size` in bytes."""

    path: Path
    sha256: str
    size: int
    files: tuple[str, ...]


def package(out: Path) -> Package:
    """Make the artifact as `out`/fleetmend-lambda.zip.

    The first build installs the dependencies with pip or uv, from wherever that is configured;
    later ones with the same lock take them from the cache and need no network.

    Raises:
        PackagingFailed: no lock, no installer, a dependency that is missing, changed, or native.
    """
    own = _own_files(Path(fleetmend.__file__).parent)
    dependencies = _dependencies(_lock())
    files = {**_trimmed(dependencies, services(own)), **own}
    content = _zipped(files)
    out.mkdir(parents=True, exist_ok=True)
    _write(out / NAME, content)
    digest = hashlib.sha256(content).hexdigest()
    return Package(out / NAME, digest, len(content), tuple(sorted(files)))


_MAKERS = {"client", "_client"}


def services(own: Mapping[str, bytes]) -> frozenset[str]:
    """The AWS services that this code makes clients of, by botocore's names.

    Read from every call of something named `client` or `_client` whose first argument is a
    literal.
    """
    found: set[str] = set()
    for name, source in own.items():
        for node in ast.walk(ast.parse(source, name)):
            if isinstance(node, ast.Call) and node.args and _called(node) in _MAKERS:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return frozenset(found)


def _called(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _own_files(root: Path) -> dict[str, bytes]:
    paths = [root / "__init__.py"]
    for room in ROOMS:
        paths.extend((root / room).rglob("*.py"))
    return {
        (PurePosixPath("fleetmend") / path.relative_to(root).as_posix()).as_posix(): (
            path.read_bytes()
        )
        for path in paths
    }


# --- dependencies ----------------------------------------------------------------------------


def _lock() -> bytes:
    """The pinned dependencies: shipped beside this file, or in the checkout it lies in."""
    shipped = importlib.resources.files("fleetmend.deploy") / "lambda.lock"
    if shipped.is_file():
        return shipped.read_bytes()
    checkout = Path(__file__).parents[3] / "locks" / "lambda.txt"
    if checkout.is_file():
        return checkout.read_bytes()
    raise PackagingFailed(
        f"the lock of the artifact's dependencies is missing: neither {shipped} nor {checkout} "
        "is there; install Fleetmend anew"
    )


def _dependencies(lock: bytes) -> dict[str, bytes]:
    """The installed dependencies by path, from the cache if this lock was installed before."""
    for number, line in enumerate(lock.decode().splitlines(), 1):
        if ";" in line:
            raise PackagingFailed(
                f"locks/lambda.txt, line {number}: a dependency with a condition would make the "
                f"artifact differ from machine to machine: {line.strip()}"
            )
    key = hashlib.sha256(lock + PYTHON.encode()).hexdigest()[:32]
    kept = _cache() / f"artifact-{key}.zip"
    if kept.is_file():
        try:
            return _read(kept)
        except (zipfile.BadZipFile, OSError):
            pass  # damaged or being removed: install anew, and replace it
    files = _installed(lock)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        _write(kept, _zipped(files))
    except OSError:
        pass  # a home that cannot be written to costs the next build its time, nothing else
    return files


def _cache() -> Path:
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "fleetmend"


def _read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _installed(lock: bytes) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="fleetmend-package-") as folder:
        locked, target = Path(folder) / "lambda.txt", Path(folder) / "target"
        locked.write_bytes(lock)
        command = [*_installer(), "--target", str(target), "--requirement", str(locked)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 -- no shell, our own words
        if done.returncode:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise PackagingFailed(
                f"the dependencies could not be installed ({' '.join(command[:4])} …):\n{last}\n"
                "check that the package index can be reached; a hash that differs means that the "
                "index serves other files than were locked"
            )
        files = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file() and _belongs(path.relative_to(target))
        }
    native = sorted(name for name in files if _is_native(name))
    if native:
        raise PackagingFailed(
            f"native code in the dependencies: {', '.join(native)}; the artifact must run on "
            "any architecture: take a release or another package that is pure Python"
        )
    return files


def _installer() -> list[str]:
    """This Python's pip, or uv: both take the same wheels and write the same modules."""
    common = ["--no-deps", "--require-hashes", "--python-version", PYTHON]
    if importlib.util.find_spec("pip"):
        only_pure = ["--implementation", "py", "--abi", "none", "--platform", "any"]
        binary = ["--only-binary", ":all:", "--no-compile", "--disable-pip-version-check"]
        return [sys.executable, "-m", "pip", "install", "--quiet", *common, *only_pure, *binary]
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise PackagingFailed("neither pip nor uv is there to install the artifact's dependencies")
    return [uv, "pip", "install", "--quiet", *common, "--only-binary", ":all:"]


def _belongs(path: Path) -> bool:
    """Whether an installed file is the package's own, and the same after every installation."""
    parts = path.parts
    if parts[0] == "bin" or "__pycache__" in parts or path.suffix == ".pyc":
        return False
    if path.name.startswith(".lock"):  # uv's
        return False
    return not (parts[0].endswith(".dist-info") and path.name in _INSTALLERS_OWN)


def _is_native(name: str) -> bool:
    file = PurePosixPath(name)
    return file.suffix in _NATIVE or ".so." in file.name


def _trimmed(files: Mapping[str, bytes], wanted: Iterable[str]) -> dict[str, bytes]:
    """Without descriptions of services nobody asks for, older versions of the others, examples."""
    described = {name: _described(name) for name in files}
    newest: dict[str, str] = {}
    for found in described.values():
        if found and found[0] == _DATA.as_posix():
            newest[found[1]] = max(newest.get(found[1], ""), found[2])
    missing = set(wanted) - set(newest)
    if missing:
        raise PackagingFailed(
            f"botocore describes no service named {', '.join(sorted(missing))}: "
            "correct the name where the client is made"
        )
    kept: dict[str, bytes] = {}
    for name, content in files.items():
        found = described[name]
        if found is None:
            if not name.startswith("boto3/examples/"):
                kept[name] = content
            continue
        folder, service, version, file = found
        if service in wanted and version == newest.get(service) and file in _SERVICE_FILES[folder]:
            kept[name] = content
    return kept


def _described(name: str) -> tuple[str, str, str, str] | None:
    """(folder, service, version, file) of a description of a service; None for other files."""
    parts = PurePosixPath(name).parts
    folder = "/".join(parts[:2])
    if folder not in _SERVICE_FILES or len(parts) != 5:
        return None
    return folder, parts[2], parts[3], parts[4].split(".")[0]


# --- the zip ---------------------------------------------------------------------------------


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, also when made on another system
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    """All or nothing: whoever reads meanwhile sees the old file or the new one."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as new:
        try:
            new.write(content)
            new.flush()
            Path(new.name).chmod(0o644)
            Path(new.name).replace(path)
        except BaseException:
            Path(new.name).unlink(missing_ok=True)
            raise
