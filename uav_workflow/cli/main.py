"""The `uav` command: commands put together, and errors turned into sentences and exit status."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from importlib import metadata
from typing import Annotated

import typer

from uav_workflow.cli.output import Exit, findings_table, log
from uav_workflow.errors import (
    CalibrationError,
    FlightDataError,
    NodeError,
    RecipeError,
    UavWorkflowError,
    UsageError,
)

app = typer.Typer(
    name="uav",
    help="Drone photos to plot tables, maps and a satellite hand-over.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.", is_eager=True)] = False,
) -> None:
    """Drone photos to plot tables, maps and a satellite hand-over."""
    if version:
        sys.stdout.write(metadata.version("uav-workflow") + "\n")
        raise typer.Exit(Exit.DONE)


def _register() -> None:
    """Attach every command; their modules are light."""
    from uav_workflow.cli import (
        calibrate,
        check,
        demo,
        node,
        plots,
        publish,
        run,
        sensors,
        series,
        simulate,
        status,
        submit,
        upscale,
        watch,
    )
    from uav_workflow.cli.biomass import biomass

    first = (check, run, demo, simulate, submit, watch, status)
    for module in (*first, plots, series, node, sensors, calibrate, upscale, publish):
        name = module.__name__.rpartition(".")[2]
        app.command(name)(getattr(module, name))
    app.add_typer(biomass, name="biomass")


def main() -> None:
    """Entry point of the `uav` script."""
    # libraries warn developers, not field teams; tests see every warning
    warnings.simplefilter("ignore")
    _register()
    try:
        app(standalone_mode=True)
    except UavWorkflowError as exc:
        if isinstance(exc, FlightDataError) and exc.findings:
            log.print(findings_table(exc.findings))
        log.print(f"uav: {exc}", style="red", markup=False)
        sys.exit(exit_status(exc))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception:
        if os.environ.get("UAV_DEBUG"):
            raise
        traceback.print_exc()
        log.print("uav: internal error; the lines above help whoever mends it")
        sys.exit(Exit.INTERNAL)


def exit_status(error: UavWorkflowError) -> Exit:
    """Exit status an error ends a command with."""
    if isinstance(error, UsageError | RecipeError):
        return Exit.USAGE
    if isinstance(error, FlightDataError | CalibrationError):
        return Exit.DATA
    if isinstance(error, NodeError):
        return Exit.SERVICE
    return Exit.INTERNAL


if __name__ == "__main__":
    main()
