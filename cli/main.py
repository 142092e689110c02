"""The ``linkage`` command: global options, error messages, and the list of commands."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cli.cloud import USAGE, CommandError, Options
from cli.commands import LazyGroup
from infra.cdk.stage_names import STAGE_NAMES
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
        except LinkageError as error:
            raise _stop(str(error), USAGE) from None
        except _aws_errors() as error:
            raise _stop(_message_of(error), USAGE) from None
        except OSError as error:
            if error.errno == errno.EPIPE or error.filename is None:
                raise
            raise _stop(f"{error.filename}: {error.strerror}", USAGE) from None


class RootGroup(LinkageGroup, LazyGroup):
    """`linkage` itself."""


def _aws_errors() -> tuple[type[Exception], ...]:
    # Not at the top: most invocations never see AWS fail, and many never see AWS.
    from botocore.exceptions import BotoCoreError, ClientError

    return BotoCoreError, ClientError


def _message_of(error: Exception) -> str:
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"AWS refused {error.operation_name}: {detail.get('Code')}: {detail.get('Message')}"
    if isinstance(error, (NoCredentialsError, NoRegionError)):
        return f"{str(error).rstrip('.')}. {_NO_ACCOUNT}"
    return str(error)


def _stop(message: str, exit_code: int) -> typer.Exit:
    typer.echo(f"linkage: {' '.join(message.split())}", err=True)
    return typer.Exit(exit_code)


app = typer.Typer(
    cls=RootGroup,
    help="Which strategy parameters made this trade?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

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
    region: Annotated[
        str | None, typer.Option(help="AWS region. Default: AWS_REGION, else the profile's.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Which strategy parameters made this trade?"""
    chosen = context.ensure_object(Options)
    chosen.stage, chosen.profile, chosen.region = stage, profile, region


def main() -> None:
    """Run the command line. A strategy of the user's is looked for where it is deployed from, and here."""
    sys.path += [str(ROOT), str(Path.cwd())]
    app()
