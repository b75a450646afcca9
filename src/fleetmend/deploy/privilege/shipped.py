"""The recording that is shipped: what each function calls in the scenarios, once for each kind.

`fleetmend check` and docs/security.md are made from it; a test plays the scenarios and compares.
"""

from importlib.resources import files

from fleetmend.deploy.privilege.calls import Recording, read

NAME = "recorded.jsonl"


def shipped() -> tuple[Recording, ...]:
    """The recordings in the package."""
    text = files("fleetmend.deploy.privilege").joinpath(NAME).read_text(encoding="utf-8")
    return read(text.splitlines(), NAME)
