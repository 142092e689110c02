"""The ``linkage`` command: global options, error messages, and the groups of commands.

A group is a module with ``app = typer.Typer(...)`` for `linkage GROUP COMMAND`, or with
``register(app)`` for commands that stand directly under `linkage`.
"""

from __future__ import annotations

import errno
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError
from typer.core import TyperGroup

import cli.backtest
import cli.bot
import cli.deploy
import cli.events
import cli.export
import cli.local
import cli.params
import cli.quarantine
import cli.repair
import cli.report
import cli.secret
import cli.smoke
import cli.sql
import cli.switch
import cli.trace
from cli.cloud import USAGE, CommandError, Options
from infra.cdk.stages import STAGE_NAMES
from linkage.domain.errors import LinkageError
from local.state import ROOT

_NO_ACCOUNT = "A stage in AWS needs credentials and AWS_REGION; on this machine: linkage local up"


class LinkageGroup(TyperGroup):
    """Turns every error that a person can do something about into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise _stop(str(error), error.exit_code) from None
        except ClientError as error:
            detail = error.response.get("Error", {})
            message = f"AWS refused {error.operation_name}: {detail.get('Code')}: {detail.get('Message')}"
            raise _stop(message, USAGE) from None
        except (NoCredentialsError, NoRegionError) as error:
            raise _stop(f"{str(error).rstrip('.')}. {_NO_ACCOUNT}", USAGE) from None
        except (BotoCoreError, LinkageError) as error:
            raise _stop(str(error), USAGE) from None
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            raise _stop(f"{error.filename}: {error.strerror}", USAGE) from None


def _stop(message: str, exit_code: int) -> typer.Exit:
    typer.echo(f"linkage: {' '.join(message.split())}", err=True)
    return typer.Exit(exit_code)


app = typer.Typer(
    cls=LinkageGroup,
    help="Which strategy parameters made this trade?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"linkage {version('linkage')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    stage: Annotated[
        str | None,
        typer.Option(
            envvar="LINKAGE_STAGE",
            metavar="|".join(STAGE_NAMES),
            help="Default: local when it is up, else dev.",
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="AWS profile of that stage's account.")] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which strategy parameters made this trade?"""
    chosen = context.ensure_object(Options)
    chosen.stage, chosen.profile = stage, profile


app.add_typer(cli.local.app, name="local")
app.add_typer(cli.bot.app, name="bot")
app.add_typer(cli.params.app, name="params")
app.add_typer(cli.switch.app, name="switch")
app.add_typer(cli.secret.app, name="secret")
app.add_typer(cli.quarantine.app, name="quarantine")
cli.deploy.register(app)
cli.report.register(app)
cli.export.register(app)
cli.trace.register(app)
cli.sql.register(app)
cli.events.register(app)
cli.repair.register(app)
cli.backtest.register(app)
cli.smoke.register(app)


def main() -> None:
    """Run the command line. A strategy of the user's is looked for where it is deployed from, and here."""
    sys.path += [str(ROOT), str(Path.cwd())]
    app()
