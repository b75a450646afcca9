"""What an export writes beside its configuration: archives, and secrets that stand nowhere else."""

import base64
import hashlib
import io
import json
import stat
import zipfile
from pathlib import Path

import pulumi
import pulumi_aws as aws
from pulumi import Output

from fleetmend.deploy.export import SECRETS_FILE
from tests.unit.deploy.exports import faults


def test_archives_are_packed_the_same_every_time(exported, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.py").write_text("x = 1\n")

    def program():
        aws.lambda_.Function(
            "f",
            name="f",
            role="arn:aws:iam::123456789012:role/r",
            code=pulumi.AssetArchive(
                {
                    "b.txt": pulumi.StringAsset("b"),
                    "a.txt": pulumi.FileAsset(str(tmp_path / "lib" / "x.py")),
                    "lib": pulumi.FileArchive(str(tmp_path / "lib")),
                }
            ),
        )

    merged, _, out = exported(program)
    function = merged["resource"]["aws_lambda_function"]["f"]
    assert function["filename"] == "${path.module}/assets/f-filename.zip"
    content = (out / "assets" / "f-filename.zip").read_bytes()
    entries = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert [entry.filename for entry in entries] == ["a.txt", "b.txt", "lib/x.py"]
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert function["source_code_hash"] == digest
    exported(program)
    assert (out / "assets" / "f-filename.zip").read_bytes() == content


def test_a_ready_zip_is_taken_as_it_is(exported, tmp_path):
    ready = tmp_path / "code.zip"
    with zipfile.ZipFile(ready, "w") as packed:
        packed.writestr("z.py", "")

    def program():
        aws.lambda_.Function("f", name="f", role="r", code=pulumi.FileArchive(str(ready)))

    _, _, out = exported(program)
    assert (out / "assets" / "code.zip").read_bytes() == ready.read_bytes()


def test_functions_that_share_an_artifact_share_the_file(exported, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "code.zip", "w") as packed:
            packed.writestr(f"{folder}.py", "")

    def program():
        for name, folder in (("a", "one"), ("b", "one"), ("c", "two")):
            code = pulumi.FileArchive(str(tmp_path / folder / "code.zip"))
            aws.lambda_.Function(name, name=name, role="r", code=code)

    merged, _, out = exported(program)
    files = {
        name: told["filename"].removeprefix("${path.module}/")
        for name, told in merged["resource"]["aws_lambda_function"].items()
    }
    assert files["a"] == files["b"] == "assets/code.zip"
    assert (out / files["c"]).read_bytes() == (tmp_path / "two" / "code.zip").read_bytes()
    assert len(list((out / "assets").iterdir())) == 2


def test_a_missing_file_is_named(tmp_path):
    def program():
        aws.lambda_.Function("f", role="r", code=pulumi.FileArchive(str(tmp_path / "no.zip")))

    assert faults(program) == [("value", "code")]


def test_secrets_are_in_one_private_file_only(exported):
    def program():
        bucket = aws.s3.Bucket("b", bucket="b-1")
        hush = Output.secret("hush${x}")
        aws.ssm.Parameter(
            "p", name="/p", type="SecureString", value=Output.concat(hush, bucket.arn, hush)
        )
        aws.lambda_.Function(
            "f",
            name="f",
            role="r",
            environment={"variables": {"OPEN": "yes", "KEY": hush}},
        )
        aws.sns.Topic("t", name="t", policy=Output.json_dumps({"a": hush}))
        pulumi.export("out", hush)

    merged, report, out = exported(program)
    for file in report.files:
        if file != SECRETS_FILE:
            assert b"hush" not in (out / file).read_bytes()
    secrets = out / SECRETS_FILE
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert json.loads(secrets.read_text()).keys() == set(report.secrets)
    parameter = merged["resource"]["aws_ssm_parameter"]["p"]
    assert parameter["value"] == "${var.p_value}${aws_s3_bucket.b.arn}${var.p_value_2}"
    function = merged["resource"]["aws_lambda_function"]["f"]
    assert function["environment"] == [
        {"variables": {"OPEN": "yes", "KEY": "${var.f_environment_variables_KEY}"}}
    ]
    assert merged["output"]["out"] == {"value": "${var.output_out}", "sensitive": True}
    assert all(told["sensitive"] for told in merged["variable"].values())
    assert SECRETS_FILE in (out / ".gitignore").read_text().splitlines()


def test_the_file_of_secrets_is_private_from_the_start(exported, monkeypatch):
    def program():
        aws.ssm.Parameter("p", name="/p", type="String", value="v")

    seen: list[int] = []
    original = Path.write_bytes

    def spy(self, content):
        if self.name == SECRETS_FILE:
            seen.append(stat.S_IMODE(self.stat().st_mode))
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", spy)
    exported(program)
    assert seen == [0o600]


def test_what_must_never_be_stored_is_ephemeral(exported):
    def program():
        made = aws.secretsmanager.get_random_password(password_length=32)
        aws.secretsmanager.SecretVersion(
            "v",
            secret_id="s",
            secret_string_wo=made.random_password,
            secret_string_wo_version=1,
        )

    merged, _, _ = exported(program)
    (label,) = merged["ephemeral"]["aws_secretsmanager_random_password"]
    version = merged["resource"]["aws_secretsmanager_secret_version"]["v"]
    assert version["secret_string_wo"] == (
        f"${{ephemeral.aws_secretsmanager_random_password.{label}.random_password}}"
    )
    assert "data" not in merged


def test_a_made_up_secret_that_would_be_stored_is_refused():
    def program():
        made = aws.secretsmanager.get_random_password(password_length=32)
        aws.secretsmanager.SecretVersion("v", secret_id="s", secret_string=made.random_password)

    assert faults(program) == [("value", "secretString")]
