"""What tests of the export share."""

import json

import pytest

from fleetmend.deploy.capture import capture
from fleetmend.deploy.export import export


@pytest.fixture
def exported(tmp_path):
    """Exports a program; gives the configuration, the report, and the folder."""

    def run(program, **config):
        out = tmp_path / "out"
        report = export(capture(program, config=config), out)
        merged: dict = {}
        for file in out.glob("*.tf.json"):
            for section, content in json.loads(file.read_text()).items():
                assert section not in merged, "a section stands in one file only"
                merged[section] = content
        return merged, report, out

    return run
