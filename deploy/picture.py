"""Lines over the time as SVG, which needs no library."""

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from deploy.measures import Series

WIDTH, PANEL, LEFT, TOP = 760, 130, 70, 30
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # told apart by everybody (Okabe, Ito)
TITLES = {"Invocations": "invocations", "ModelLatency": "model latency p90, ms", "Invocation5XXErrors": "5XX errors"}


def svg(title: str, series: Sequence[Series], between: tuple[datetime, datetime]) -> str:
    metrics = list(dict.fromkeys(each.metric for each in series))
    height = TOP + len(metrics) * (PANEL + 40) + 20
    variants = list(dict.fromkeys(each.variant for each in series))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{escape(title)}</text>',
        *(_name(name, number, len(variants)) for number, name in enumerate(variants)),
    ]
    for number, metric in enumerate(metrics):
        chosen = [each for each in series if each.metric == metric]
        parts += _panel(TITLES.get(metric, metric), chosen, variants, TOP + 20 + number * (PANEL + 40), between)
    return "\n".join([*parts, "</svg>", ""])


def _name(variant: str, number: int, many: int) -> str:
    return f'<text x="{WIDTH - 20 - 110 * (many - number)}" y="18" fill="{_colour(number)}">{escape(variant)}</text>'


def _panel(
    title: str, series: Sequence[Series], variants: Sequence[str], top: int, between: tuple[datetime, datetime]
) -> list[str]:
    begin, end = (each.timestamp() for each in between)
    most = max((value for each in series for _, value in each.points), default=0.0) or 1.0
    right, bottom = WIDTH - 20, top + PANEL

    def place(at: float, value: float) -> str:
        x = LEFT + (at - begin) / (end - begin) * (right - LEFT)
        return f"{x:.1f},{bottom - value / most * PANEL:.1f}"

    parts = [
        f'<text x="{LEFT}" y="{top - 5}">{escape(title)}</text>',
        f'<path d="M{LEFT},{top}V{bottom}H{right}" fill="none" stroke="#888"/>',
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end">{most:.3g}</text>',
        f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<text x="{LEFT}" y="{bottom + 14}">{_clock(begin)}</text>',
        f'<text x="{right}" y="{bottom + 14}" text-anchor="end">{_clock(end)} UTC</text>',
    ]
    for each in series:
        colour = _colour(variants.index(each.variant))
        points = [place(*point) for point in each.points]
        parts.append(f'<polyline points="{" ".join(points)}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>' for x, y in (p.split(",") for p in points)]
    return parts


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M")
