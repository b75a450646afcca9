"""The components for programs in other languages: a Pulumi component provider.

`infra/components/PulumiPlugin.yaml` is the entry; `pulumi package add` reads the schema from it
and writes an SDK for TypeScript, Go, C#, Java or YAML.
https://www.pulumi.com/docs/iac/concepts/components/
"""

import importlib
import inspect
import json
import pkgutil
from importlib.metadata import version
from typing import Any

import pulumi
from pulumi.provider.experimental import component_provider_host
from pulumi.provider.experimental.component import ComponentProvider

from fleetmend import components as room

NAME = "fleetmend"


def components() -> list[type[pulumi.ComponentResource]]:
    """Every component that a program can use, by name.

    A class of the room that takes `args` is one; what takes resources or live Python objects
    (such as `Accept`) cannot cross into another language.
    """
    modules = [
        importlib.import_module(f"{room.__name__}.{info.name}")
        for info in pkgutil.iter_modules(room.__path__)
    ]
    found = {
        name: item
        for module in modules
        for name, item in vars(module).items()
        if inspect.isclass(item)
        and issubclass(item, pulumi.ComponentResource)
        and item.__module__ == module.__name__
        and "args" in inspect.signature(item.__init__).parameters
    }
    return [found[name] for name in sorted(found)]


def schema() -> dict[str, Any]:
    """The package schema: tokens, inputs, outputs and their descriptions."""
    provider = ComponentProvider(components(), NAME, None, version(NAME))
    return json.loads(provider.schema or "{}")


def serve() -> None:
    """Host the components for Pulumi's engine; it says on the command line where it listens."""
    component_provider_host(components(), NAME, None, version(NAME))
