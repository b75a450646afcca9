"""The latest report of compliance as one page: no script, nothing fetched, dark mode by itself.

It is made in Lambda, from the summary alone, so its plots are drawn here as SVG.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #656d76; --line: #d0d7de; --good: #1a7f37;
  --bad: #cf222e; --bar: #0969da; --paper: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #8d96a0; --line: #30363d;
  --good: #3fb950; --bad: #f85149; --bar: #4493f8; --paper: #0d1117 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper) }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
.rate { font-size: 2.5rem; font-weight: 600 } .dim { color: var(--dim) } .bad { color: var(--bad) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line) }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
svg text { fill: var(--ink); font-size: 12px } svg .dim { fill: var(--dim) }
"""

_WIDE, _HIGH = 720, 180


def page(summary: Mapping[str, Any]) -> str:
    """The page of a summary (`compliance_report.Summary`)."""
    rate = 100 * summary["rate"]
    failed = sum(bool(one["failure"]) for one in summary["branches"])
    missing = (
        f'<p class="bad">{failed} of {len(summary["branches"])} accounts and regions could not be '
        "examined; the figures are of the others.</p>"
        if failed
        else ""
    )
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Compliance: {rate:.1f} %</title><style>{_STYLE}</style></head><body>
<h1>Compliance</h1>
<p><span class="rate">{rate:.1f} %</span> of {summary["judged"]:,} resources comply;
{summary["violating"]:,} do not.</p>{missing}
<p class="dim">Run {escape(summary["run"])}, finished {escape(summary["finished_at"])}, rules
{escape(summary["rules"])}. Since the last report {summary["broken"]:,} findings are new and
{summary["fixed"]:,} are gone.</p>
<h2>Trend</h2>{_trend(summary["trend"])}
<h2>By rule</h2>{_bars(summary["by_rule"].items(), "no rule is broken")}
<h2>By owner</h2>{_bars(list(summary["by_owner"].items())[:20], "nobody has anything to mend")}
<h2>What changed</h2>{_changes(summary["examples"])}
<h2>Accounts and regions</h2>{_branches(summary["branches"])}
</body></html>
"""


def _trend(points: list[Mapping[str, Any]]) -> str:
    """The share that complies, day by day, from the worst day's whole tens to 100 %."""
    rates = [100 * point["rate"] for point in points]
    least = min(90.0, 10 * (min(rates) // 10)) if rates else 90.0
    step = (_WIDE - 100) / max(1, len(rates) - 1)

    def at(n: int, rate: float) -> tuple[float, float]:
        high = (rate - least) / (100 - least) if least < 100 else 1.0
        return 60 + n * step, _HIGH - 30 - high * (_HIGH - 50)

    places = [at(n, rate) for n, rate in enumerate(rates)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="var(--good)"><title>'
        f"{escape(str(point['day']))}: {rate:.2f} %, {point['violating']:,} violate</title>"
        "</circle>"
        for (x, y), rate, point in zip(places, rates, points, strict=True)
    )
    scale = "".join(
        f'<line x1="60" x2="{_WIDE - 20}" y1="{y:.1f}" y2="{y:.1f}" stroke="var(--line)"/>'
        f'<text class="dim" x="52" y="{y + 4:.1f}" text-anchor="end">{value:g} %</text>'
        for value, y in ((v, at(0, v)[1]) for v in (least, (least + 100) / 2, 100.0))
    )
    ends = "".join(
        f'<text class="dim" x="{x:.1f}" y="{_HIGH - 8}" text-anchor="{anchor}">'
        f"{escape(str(day))}</text>"
        for x, day, anchor in _ends(places, points)
    )
    drawn = f'<polyline points="{line}" fill="none" stroke="var(--good)" stroke-width="2"/>'
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="Share of resources that comply, day by day">{scale}{drawn}{dots}{ends}</svg>'
    )


def _ends(
    places: list[tuple[float, float]], points: list[Mapping[str, Any]]
) -> list[tuple[float, object, str]]:
    if not places:
        return []
    first = (places[0][0], points[0]["day"], "start")
    return [first] if len(places) == 1 else [first, (places[-1][0], points[-1]["day"], "end")]


def _bars(items: Iterable[tuple[str, int]], nothing: str) -> str:
    rows = list(items)
    if not rows:
        return f'<p class="dim">{nothing}</p>'
    most = max(count for _, count in rows)
    drawn = "".join(
        f'<text x="190" y="{n * 24 + 16}" text-anchor="end">{escape(_short(name))}'
        f"<title>{escape(name)}</title></text>"
        f'<rect x="200" y="{n * 24 + 4}" height="16" rx="2" fill="var(--bar)" '
        f'width="{max(2.0, count / most * (_WIDE - 280)):.1f}"/>'
        f'<text x="{208 + count / most * (_WIDE - 280):.1f}" y="{n * 24 + 16}">{count:,}</text>'
        for n, (name, count) in enumerate(rows)
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {len(rows) * 24 + 8}" role="img" '
        f'aria-label="Findings, largest first">{drawn}</svg>'
    )


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"


def _changes(examples: list[str]) -> str:
    if not examples:
        return '<p class="dim">nothing since the last report</p>'
    return "<ul>" + "".join(f"<li>{escape(text)}</li>" for text in examples) + "</ul>"


def _branches(branches: list[Mapping[str, Any]]) -> str:
    rows = "".join(
        f"<tr><td>{escape(one['account'])}</td><td>{escape(one['region'])}</td>"
        f'<td class="n">{one["judged"]:,}</td><td class="n">{one["violating"]:,}</td>'
        f'<td class="bad">{escape(one["failure"])}</td></tr>'
        for one in branches
    )
    return (
        '<table><thead><tr><th>account</th><th>region</th><th class="n">judged</th>'
        f'<th class="n">violate</th><th></th></tr></thead><tbody>{rows}</tbody></table>'
    )
