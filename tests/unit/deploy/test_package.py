"""The artifact is the same bytes wherever it is made, and whole where it is unpacked."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fleetmend.deploy import package as packaging
from fleetmend.deploy.package import PackagingFailed, package, services

ROOT = Path(packaging.__file__).parents[3]
BUILD = """
import sys
from pathlib import Path
import fleetmend
from fleetmend.deploy.package import package
print(Path(fleetmend.__file__).parents[1], package(Path(sys.argv[1])).sha256)
"""
WITHOUT_PIP = """
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "pip" else find(name, *more)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return package(tmp_path_factory.mktemp("out"))


@pytest.fixture(scope="module")
def unpacked(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("var-task")
    with zipfile.ZipFile(made.path) as archive:
        archive.extractall(folder)
    return folder


def isolated(unpacked, code, **environ):
    """Run code in a Python that sees the standard library and the artifact, nothing else."""
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(unpacked)!r})\n{code}",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1", **environ},
        cwd=unpacked,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_answer_describes_the_file(made):
    content = made.path.read_bytes()
    assert made.path.name == "fleetmend-lambda.zip"
    assert (made.size, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with zipfile.ZipFile(made.path) as archive:
        assert tuple(archive.namelist()) == made.files


def test_it_holds_the_functions_and_nothing_of_the_other_rooms(made):
    rooms = {name.split("/")[1] for name in made.files if name.startswith("fleetmend/")}
    assert rooms == {"__init__.py", "core", "aws", "lambdas"}
    top = {name.split("/")[0] for name in made.files if ".dist-info/" not in name}
    assert {"boto3", "botocore", "aws_lambda_powertools", "urllib3"} <= top
    assert not top & {"bin", "pulumi", "pydantic", "moto", "rich"}


def test_nothing_in_it_tells_when_where_or_how_it_was_made(made):
    with zipfile.ZipFile(made.path) as archive:
        for entry in archive.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.external_attr == 0o100644 << 16
            assert (entry.create_system, entry.compress_type) == (3, zipfile.ZIP_STORED)
        joined = b"".join(archive.read(name) for name in made.files)
    assert str(ROOT).encode() not in joined
    unwanted = ("__pycache__", ".pyc", "/RECORD", "/INSTALLER", "/REQUESTED", "direct_url")
    assert not [name for name in made.files if any(word in name for word in unwanted)]


def test_every_function_can_be_imported_where_there_is_nothing_else(unpacked):
    names = sorted(path.stem for path in (unpacked / "fleetmend" / "lambdas").glob("*.py"))
    imports = "".join(f"import fleetmend.lambdas.{name}\n" for name in names if name != "__init__")
    said = isolated(
        unpacked,
        f"{imports}import boto3\nfrom fleetmend.lambdas.recovery import handler\n"
        "print(callable(handler), boto3.__file__)",
        POWERTOOLS_SERVICE_NAME="recovery",
    )
    assert said.split() == ["True", str(unpacked / "boto3" / "__init__.py")]


def test_every_client_that_the_code_makes_can_be_made_from_it(unpacked):
    own = packaging._own_files(ROOT / "src" / "fleetmend")
    wanted = sorted(services(own))
    assert {"autoscaling", "cloudwatch", "ec2", "elbv2", "s3", "sns", "sqs", "ssm"} <= set(wanted)
    said = isolated(
        unpacked,
        "from fleetmend.aws.clients import client\n"
        f"for name in {wanted!r}: print(client(name).meta.service_model.service_name)\n"
        "ec2 = client('ec2')\n"
        "for name in ('describe_instances', 'describe_instance_status'): ec2.get_paginator(name)\n",
    )
    assert said.split() == wanted


def test_only_the_newest_descriptions_of_wanted_services_are_in_it(made):
    described = {tuple(n.split("/")[2:4]) for n in made.files if n.startswith("botocore/data/")}
    described = {
        one for one in described if len(one) == 2 and not one[1].endswith((".json", ".gz"))
    }
    assert {service for service, _ in described} == services(
        packaging._own_files(ROOT / "src" / "fleetmend")
    )
    assert len(described) == len({service for service, _ in described})
    assert "botocore/data/endpoints.json" in made.files
    assert made.size < 12_000_000


def wheel_without_a_checkout(folder):
    built, site = folder / "built", folder / "deep" / "site"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    with zipfile.ZipFile(next(built.glob("*.whl"))) as archive:
        archive.extractall(site)
    return site


def build(site, folder, *, pip=True, umask=0o022):
    """A build in another process, by an installed Fleetmend, without any cache."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD if pip else WITHOUT_PIP + BUILD, str(folder / "out")],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=folder,
        umask=umask,
        env={
            **os.environ,
            "PYTHONPATH": str(site),
            "FLEETMEND_CACHE": str(folder / "cache"),
            "TZ": "Asia/Tokyo",
        },
    )
    assert done.returncode == 0, done.stderr
    whence, digest = done.stdout.split()
    assert whence == str(site)
    return digest


def test_an_installed_fleetmend_makes_the_same_bytes_with_pip_and_with_uv(made, tmp_path):
    site = wheel_without_a_checkout(tmp_path)
    assert (site / "fleetmend" / "deploy" / "lambda.lock").is_file()
    for number, (pip, umask) in enumerate([(True, 0o077), (False, 0o002)]):
        folder = tmp_path / f"build-{number}"
        folder.mkdir()
        assert build(site, folder, pip=pip, umask=umask) == made.sha256


# --- the ways it can fail --------------------------------------------------------------------


def test_a_second_build_needs_no_installer(made, tmp_path, monkeypatch):
    monkeypatch.setattr(packaging, "_installed", lambda lock: pytest.fail("it installed"))
    assert package(tmp_path).sha256 == made.sha256


def test_a_damaged_cache_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEETMEND_CACHE", str(tmp_path))
    monkeypatch.setattr(packaging, "_installed", lambda lock: {"six.py": lock})
    assert packaging._dependencies(b"one") == {"six.py": b"one"}
    (kept,) = tmp_path.glob("artifact-*.zip")
    kept.write_bytes(b"half a z")
    assert packaging._dependencies(b"one") == {"six.py": b"one"}
    assert zipfile.is_zipfile(kept)
    packaging._dependencies(b"two")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLEETMEND_CACHE", str(tmp_path / "file" / "below"))
    monkeypatch.setattr(packaging, "_installed", lambda lock: {"six.py": lock})
    assert packaging._dependencies(b"one") == {"six.py": b"one"}


def fake_installer(monkeypatch, tmp_path, *files, status=0):
    """An installer that writes these files, with the arguments that pip and uv are given."""
    script = tmp_path / "installer.py"
    script.write_text(
        "import sys, pathlib\n"
        "target = pathlib.Path(sys.argv[sys.argv.index('--target') + 1])\n"
        f"for name in {files!r}:\n"
        "    path = target / name\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        "    path.write_text('x')\n"
        f"print('THESE PACKAGES DO NOT MATCH THE HASHES', file=sys.stderr)\nsys.exit({status})\n"
    )
    monkeypatch.setattr(packaging, "_installer", lambda: [sys.executable, str(script)])


@pytest.mark.parametrize("file", ["a/_speed.so", "b/x.cpython-313-darwin.so.2", "c.pyd", "d.dylib"])
def test_native_code_is_refused_by_name(tmp_path, monkeypatch, file):
    fake_installer(monkeypatch, tmp_path, "pure.py", file)
    with pytest.raises(PackagingFailed, match=Path(file).name):
        packaging._installed(b"")


def test_what_an_installer_writes_of_its_own_is_left_out(tmp_path, monkeypatch):
    own = ("bin/jp.py", "a.dist-info/RECORD", "a.dist-info/INSTALLER", "a/__pycache__/a.pyc")
    fake_installer(monkeypatch, tmp_path, *own, "a/RECORD", "a.dist-info/METADATA")
    assert set(packaging._installed(b"")) == {"a/RECORD", "a.dist-info/METADATA"}


def test_an_installation_that_failed_says_why_and_what_to_do(tmp_path, monkeypatch):
    fake_installer(monkeypatch, tmp_path, status=1)
    with pytest.raises(PackagingFailed, match=r"(?s)DO NOT MATCH.*package index"):
        packaging._installed(b"")


def test_a_conditional_dependency_is_refused_with_its_line():
    with pytest.raises(PackagingFailed, match=r"line 2: .*colorama"):
        packaging._dependencies(b"six==1\ncolorama==1 ; sys_platform == 'win32'\n")


def test_without_pip_and_uv_it_says_so(monkeypatch):
    monkeypatch.setattr(packaging.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(packaging.shutil, "which", lambda name, path=None: None)
    with pytest.raises(PackagingFailed, match="neither pip nor uv"):
        packaging._installer()


def test_services_are_read_from_the_code_and_an_unknown_one_is_refused():
    code = b"a.client('ec2'), client('s3', session), clients.client(name), client(), x['client']()"
    assert services({"x.py": code, "y.py": b"self._client('elbv2')"}) == {"ec2", "elbv2", "s3"}
    described = {"botocore/data/ec2/2016-11-15/service-2.json.gz": b""}
    with pytest.raises(PackagingFailed, match="no service named s4"):
        packaging._trimmed(described, {"ec2", "s4"})


def test_of_two_versions_the_newest_is_kept_and_shared_files_stay():
    files = dict.fromkeys(
        [
            "botocore/data/ec2/2014-09-01/service-2.json.gz",
            "botocore/data/ec2/2016-11-15/service-2.json.gz",
            "botocore/data/ec2/2016-11-15/examples-1.json",
            "botocore/data/ecs/2014-11-13/service-2.json.gz",
            "botocore/data/endpoints.json",
            "boto3/data/ec2/2016-11-15/resources-1.json",
            "boto3/examples/s3.rst",
            "botocore/client.py",
        ],
        b"",
    )
    assert set(packaging._trimmed(files, {"ec2"})) == {
        "botocore/data/ec2/2016-11-15/service-2.json.gz",
        "botocore/data/endpoints.json",
        "botocore/client.py",
    }
