"""``ops cost``: what the stack costs a month, from its configuration alone."""

import os
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from config.errors import ConfigError
from config.platform import PlatformSpec
from cost.estimate import Assumptions, Estimate, estimate
from cost.position import Group
from cost.prices import load_prices
from ops.placeholders import completed
from ops.spec import values_of
from ops.workspace import Workspace


def priced_platform(workspace: Workspace, environment: Mapping[str, str] = os.environ) -> PlatformSpec:
    """Build the stack's typed tree; digests that are still to be set are no reason not to: they cost nothing.

    Raises ConfigError with every other problem, Failure for no YAML.
    """
    values, problems = values_of(workspace, environment)
    if problems:
        raise ConfigError(problems)
    return completed(workspace.stack, values)[0]


def cost(workspace: Workspace, assumptions: Assumptions, environment: Mapping[str, str] = os.environ) -> Estimate:
    """Estimate the stack of this checkout, offline; raises UsageFailure for no such stack, ConfigError."""
    workspace.check_stack()
    return estimate(priced_platform(workspace, environment), load_prices(), assumptions)


def show(found: Estimate, console: Console) -> None:
    """Print the estimate for people."""
    table = Table(title=f"stack {found.stack}, {found.currency} a month")
    for heading in ("", "position"):
        table.add_column(heading)
    for heading in ("quantity", "each", "amount"):
        table.add_column(heading, justify="right")
    for group in Group:
        rows = [each for each in found.positions if each.group is group]
        for index, each in enumerate(rows):
            quantity, price = f"{each.quantity:,.10g} {each.unit}", f"{each.unit_price:,.6g}"
            table.add_row(group.value if index == 0 else "", each.name, quantity, price, f"{each.monthly:,.2f}")
        if rows:
            table.add_row("", "", "", "", f"{found.group(group):,.2f}", style="bold", end_section=True)
    table.add_row("total", "", "", "", f"{found.monthly:,.2f}", style="bold")
    console.print(table)
    saves = f"{found.follower_fetching_saves:,.2f} {found.currency} a month"
    told = (
        f"follower fetching is counted in: it saves {saves}"
        if found.follower_fetching
        else f"follower fetching would save {saves}: consumers set client.rack to their zone"
    )
    console.print(told, soft_wrap=True)
    console.print(f"prices of {found.region}, {found.prices_as_of}; docs/cost.md says what is left out", soft_wrap=True)
