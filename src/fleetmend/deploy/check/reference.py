"""The reference page of all rules, made of their docstrings."""

from collections.abc import Iterator

from fleetmend.deploy.check.registry import RULES, Rule
from fleetmend.deploy.check.themes import THEMES

_HEAD = """\
# What `fleetmend check` looks for

<!-- Made by `python -m fleetmend.deploy.check > docs/checks.md`; do not edit. -->

`fleetmend check` runs the Pulumi program without an account, captures what it declares, and judges
that. Each finding names the resource, the rule, the statement or value at fault, and the remedy.
Errors make it exit with 1; with `--strict` warnings do too; `--json` is for programs.

## Accept a finding

Say beside the resource that a fault is meant, and why:

```python
from fleetmend.components.accept import accept

logs = aws.s3.Bucket("access-logs", ...)
accept(logs, "storage-unversioned", "Log lines are written once and never changed.")
```

The finding then comes as `info` with the reason. Given a component, `accept` covers all that it
makes. It takes checks of Checkov (`CKV_AWS_18`) in the same way; the test that runs Checkov reads
them. An acceptance that meets no fault is a finding itself.

The same rules run inside `pulumi up` as a policy pack: `pulumi up --policy-pack infra/policy`.
"""


def reference() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_index(), *_themes()]).rstrip() + "\n"


def _of(theme: str) -> list[Rule]:
    return sorted((r for r in RULES.values() if r.theme == theme), key=lambda r: r.id)


def _index() -> Iterator[str]:
    errors = sum(str(rule.severity) == "error" for rule in RULES.values())
    yield f"## All {len(RULES)} rules ({errors} errors, {len(RULES) - errors} warnings)\n"
    yield "| rule | severity | what it finds |"
    yield "|---|---|---|"
    for theme in THEMES:
        for rule in _of(theme):
            yield f"| [{rule.id}](#{rule.id}) | {rule.severity} | {rule.summary} |"
    yield ""


def _themes() -> Iterator[str]:
    for theme, title in THEMES.items():
        yield f"## {title}\n"
        for rule in _of(theme):
            yield f"### {rule.id}\n"
            yield f"{rule.summary} ({rule.severity})\n"
            yield f"{rule.why}\n"
            yield f"*Remedy:* {rule.remedy}\n"
            yield f"*See:* {rule.see}\n"
