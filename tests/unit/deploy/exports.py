"""What exports are found at fault with."""

from pathlib import Path

import pytest

from fleetmend.deploy.capture import capture
from fleetmend.deploy.export import export
from fleetmend.deploy.problems import ExportError


def faults(program) -> list[tuple[str, str]]:
    graph = capture(program, config={})
    with pytest.raises(ExportError) as caught:
        export(graph, Path("/nonexistent"))
    return [(problem.kind, problem.property) for problem in caught.value.problems]
