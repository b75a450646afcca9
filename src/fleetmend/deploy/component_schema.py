"""The components for programs in other languages: a Pulumi component provider.

`infra/components/PulumiPlugin.yaml` is the entry; `pulumi package add` reads the schema from it
and writes an SDK for TypeScript, Go, C#, Java or YAML.
https://www.pulumi.com/docs/iac/concepts/components/
"""

import ast
import gc
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, cast, is_typeddict

import pulumi
from pulumi.provider import main
from pulumi.provider.experimental.analyzer import ComponentDefinition
from pulumi.provider.experimental.component import ComponentProvider
from pulumi.provider.experimental.util import camel_case

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


class Provider(ComponentProvider):
    """Hosts the components, and hands them whole numbers as `int`.

    All numbers cross the wire as floats, and the SDK hands them on as such: a component that puts
    one into a text would write `rate(2.0 minutes)`, which EventBridge Scheduler refuses.
    """

    def __init__(self) -> None:
        with _uncollected():
            super().__init__(components(), NAME, None, version(NAME))
            self.schema = json.dumps(self._with_inherited(json.loads(self.schema or "{}")))

    def _with_inherited(self, told: dict[str, Any]) -> dict[str, Any]:
        """`told` with the descriptions of inputs and outputs that a base class declares.

        The SDK finds them, and looks for their descriptions in the component's own source.
        """
        for component in components():
            resource = told["resources"][f"{NAME}:index:{component.__name__}"]
            args = inspect.get_annotations(component.__init__)["args"]
            self._describe(resource["inputProperties"], _declared_bases(args))
            self._describe(resource["properties"], component.__mro__[1:])
        return told

    def _describe(self, told: dict[str, Any], bases: Iterable[type]) -> None:
        for base in bases:
            for name in inspect.get_annotations(base):
                item = told.get(camel_case(name), {})
                if item and "description" not in item:
                    described = self.analyzer.get_docstring(base, name)
                    item.update({"description": described} if described else {})

    def map_inputs(
        self, inputs: pulumi.Inputs, component_def: ComponentDefinition
    ) -> pulumi.Inputs:
        """See `ComponentProvider.map_inputs`."""
        return whole(super().map_inputs(inputs, component_def))


def _declared_bases(args: type) -> Generator[type]:
    """The typed dictionaries that one extends, by its source: Python 3.11 keeps `dict` only."""
    for told in ast.walk(ast.parse(inspect.getsource(args))):
        for base in told.bases if isinstance(told, ast.ClassDef) else []:
            found = getattr(sys.modules[args.__module__], ast.unparse(base), None)
            if found is not None and is_typeddict(found):
                yield found
                yield from _declared_bases(found)


@contextmanager
def _uncollected() -> Generator[None]:
    """No garbage is collected meanwhile.

    The SDK reads descriptions with `ast.parse` and takes what that raises for "no description".
    Before 3.11.8 Python raises there if a finalizer parses too, as the logging of an asyncio
    task's traceback does. https://github.com/python/cpython/issues/106905
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def whole(value: Any) -> Any:  # noqa: ANN401 whatever a program gives
    """`value` with every float that is a whole number as an `int`, however deep it lies."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case list():
            return [whole(item) for item in cast("list[Any]", value)]
        case dict():
            return {name: whole(item) for name, item in cast("dict[str, Any]", value).items()}
        case _:
            return value


def schema() -> dict[str, Any]:
    """The package schema: tokens, inputs, outputs and their descriptions."""
    return json.loads(Provider().schema or "{}")


def serve() -> None:
    """Host the components for Pulumi's engine; it says on the command line where it listens."""
    main(Provider(), sys.argv[1:])
