"""The `headgate` command run in this process, with an environment of its own."""

from collections.abc import Mapping

from typer.testing import CliRunner, Result

from headgate.cli.main import app

_WITHOUT: Mapping[str, str | None] = {"HEADGATE_URL": None, "HEADGATE_ADMIN_KEY": None}
_SHOWN: Mapping[str, str | None] = {"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}


def headgate(*arguments: str, **environment: str) -> Result:
    """What `headgate ARGUMENTS` printed and its exit status; `environment` alone says where the platform is."""
    settings = {**_WITHOUT, **_SHOWN, **environment}
    return CliRunner().invoke(app, list(arguments), env=settings, prog_name="headgate", catch_exceptions=False)
