"""The reference page of all settings, written from the settings themselves.

`python -m fleetmend.components.settings_reference docs/settings.md` writes it; a test keeps the
page that is in the repository equal to it.
"""

import sys
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from fleetmend.components.settings import HIDDEN, Key, Settings, keys

HEAD = """\
# Settings

Every setting of an installation. In a stack's file they stand under `fleetmend:`, as in

```yaml
config:
  fleetmend:environmentSuffix: dev
  fleetmend:region: us-east-1
  fleetmend:zoneCount: "3"
```

and in CI each can come from the environment variable beside it. The stack's file wins over the
environment; an empty variable counts as absent. Lists are written with commas between the items
or as JSON, maps as `key=value` pairs with commas or as JSON. Nothing is created when a setting is
wrong, or when there is none of that name: every mistake is told at once, by key, value and what
would be valid. Values marked *hidden* are never shown; keep them as secrets in the stack's file
(`pulumi config set --secret`).

This page is generated: `python -m fleetmend.components.settings_reference docs/settings.md`.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    for group, members in groupby(keys(), key=lambda key: key.group):
        model = cast("type[BaseModel]", Settings.model_fields[group].annotation)
        summary = (model.__doc__ or "").strip().splitlines()[0]
        yield f"## {group.capitalize()}\n\n{summary}\n"
        for key in members:
            yield _entry(key)


def _entry(key: Key) -> str:
    hidden = ", *hidden*" if key.name in HIDDEN else ""
    variables = " or ".join(f"`{variable}`" for variable in key.variables)
    return (
        f"### `{key.name}`\n\n"
        f"{key.info.description}\n\n"
        f"- Valid: {key.valid}\n"
        f"- Default: {_default(key)}{hidden}\n"
        f"- Environment: {variables}\n"
    )


def _default(key: Key) -> str:
    if key.info.is_required():
        return "none, it must be given"
    value: object = key.info.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    if isinstance(value, list):
        value = ", ".join(str(item) for item in cast("list[object]", value))
    return "nothing" if value in (None, "", {}) else f"`{value}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
