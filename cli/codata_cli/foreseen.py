"""A run before it runs, as text: its stages, where they would go, what that would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codata_cli.output import size, table

if TYPE_CHECKING:
    from codata.estimate import Estimate, StageEstimate
    from codata.execute.preview import Preview


def estimate_text(found: Estimate, draws: int) -> str:
    """A run's stages, and what their numbers rest on."""
    rows = [(s.name, _tasks(s), s.cached, size(s.bytes), s.sizes) for s in found.stages]
    text = table(["stage", "tasks", "done already", "reads", "sizes"], rows)
    if found.ends:
        text += f"\nNo more is foreseen: {found.ends}."
    return text + f"\nTo find a wrong 1% of a stage with 99% confidence, a verifier draws {draws} tasks."


def _tasks(stage: StageEstimate) -> str:
    """How many, and how many at most where that is not certain."""
    if stage.most is None:
        return f"about {stage.tasks}"
    return str(stage.tasks) if stage.most == stage.tasks else f"{stage.tasks} to {stage.most}"


def preview_text(found: Preview, draws: int) -> str:
    """Which provider would run what, and what that would take."""
    from codata.execute.account import price_text

    rows = [
        (p.url, p.tasks, size(p.bytes_held), size(p.bytes_moved), f"{p.seconds:.1f}", price_text(p.price))
        for p in found.providers
    ]
    if found.at_home:
        rows.append(("this home", found.at_home, "", "", "", ""))
    text = table(["provider", "tasks", "reads there", "moves there", "CPU s", "price"], rows)
    stages = [
        (
            s.name,
            f"{s.cost.seconds:.1f}",
            price_text(s.cost.price),
            size(s.cost.bytes_moved),
            s.sizes,
            s.speed,
        )
        for s in found.stages
    ]
    text += "\n\n" + table(["stage", "seconds", "price", "moved", "sizes", "speed"], stages)
    cost, again = found.cost, found.verifying(draws)
    text += (
        f"\nexpected: {cost.seconds:.1f} s, price {price_text(cost.price)}, {size(cost.bytes_moved)} moved, "
        f"{size(found.bytes_not_moved)} not moved, {size(cost.bytes_fetched)} of results fetched"
        f"\nverifying each stage (1% at 99%): {again.seconds:.1f} CPU s, price {price_text(again.price)}"
    )
    if found.lost:
        text += f"\n{found.lost} inputs are nowhere, and are made again first: that is not counted"
    if found.ends:
        text += f"\nno more is placed: {found.ends}"
    for unplaced in found.unplaced:
        why = "; ".join(unplaced.reasons) or "no provider answers"
        text += f"\n{unplaced.stage}: {unplaced.tasks} tasks that no provider runs: {why}"
    return text
