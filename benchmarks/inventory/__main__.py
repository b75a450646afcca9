"""Measure the inventory scan beside others: `make bench`, or `python -m benchmarks.inventory`.

Every contestant is a process of its own on the second core, against one canned endpoint on the
first. Ratios are of one run; the violating sets must be the same, or the run fails.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.inventory.pages import violating

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CUSTODIAN = ROOT / ".bench" / "bin" / "python"

FULL_SPEED = {
    10_000: ("floor", "ours", "boto3-streaming", "boto3-keeping", "custodian"),
    50_000: ("floor", "ours", "boto3-streaming", "boto3-keeping", "custodian"),
    # At 200,000, keeping all would take some 3 GiB; what keeps nothing shows that it is flat.
    200_000: ("floor", "ours"),
}
WAITING = ("floor", "ours", "ours-in-lanes", "boto3-streaming")
"""Who runs at 800 ms a page: whoever does not keep the whole fleet."""

Line = dict[str, Any]


@contextmanager
def endpoint(count: int, delay: float) -> Iterator[str]:
    """A canned endpoint, on a core of its own where there are two."""
    command = [sys.executable, "-m", "benchmarks.inventory.endpoint", str(count), str(delay)]
    if (os.cpu_count() or 1) > 1:
        command.append("1")
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def measure(name: str, address: str) -> Line | None:
    """Run one contestant; None where its environment is missing."""
    python = CUSTODIAN if name == "custodian" else Path(sys.executable)
    if not python.exists():
        return None
    core = "0" if (os.cpu_count() or 1) > 1 else ""
    done = subprocess.run(
        [str(python), str(HERE / "contestant.py"), name, address, core],
        capture_output=True,
        check=True,
        text=True,
    )
    return json.loads(done.stdout)


def series(count: int, delay: float, names: tuple[str, ...]) -> list[Line]:
    """One table: every contestant at one size."""
    lines: list[Line] = []
    with endpoint(count, delay) as address:
        idle = measure("idle", address)
        for name in names:
            found = measure(name, address)
            if found is None:
                continue
            if found["instances"] != count or found["violating"] != len(violating(count)):
                raise SystemExit(f"{name} found {found}: not the {len(violating(count))} there are")
            lines.append({"name": name, **found, "beyond_idle": found["peak"] - idle["peak"]})
    if len({line["digest"] for line in lines}) != 1:
        raise SystemExit("the violating sets differ")
    return lines


def show(count: int, delay: float, lines: list[Line]) -> None:
    """Print a table as it stands in docs/benchmarks.md."""
    pace = f", {delay * 1000:g} ms a page" if delay else ", full speed"
    sys.stdout.write(f"\n{count:,} instances{pace}; {lines[0]['violating']} violate, for all\n\n")
    sys.stdout.write(
        "| | instances/s | ours is | busy s | ours is | peak MiB | beyond idle | seconds |\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|---|---|\n")
    ours = next(line for line in lines if line["name"] == "ours")
    for line in lines:
        speed, times = count / line["seconds"], line["seconds"] / ours["seconds"]
        busy = line["busy"] / ours["busy"]
        sys.stdout.write(
            f"| {line['name']} | {speed:,.0f} | {times:.1f} x "
            f"| {line['busy']:.1f} | {busy:.1f} x | {line['peak']:.0f} "
            f"| {line['beyond_idle']:.0f} | {line['seconds']:.1f} |\n"
        )
    sys.stdout.flush()


def main() -> None:
    """Every series that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inventory")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(FULL_SPEED))
    parser.add_argument("--waiting", type=int, nargs="*", default=[50_000])
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    sys.stdout.write(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}\n"
    )
    figures: list[Line] = []
    pairs = [(size, 0.0, FULL_SPEED.get(size, FULL_SPEED[10_000])) for size in asked.sizes]
    pairs += [(size, 0.8, WAITING) for size in asked.waiting]
    for count, delay, names in pairs:
        lines = series(count, delay, names)
        show(count, delay, lines)
        figures += [{"count": count, "delay": delay, **line} for line in lines]
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
