"""How long until calls are served? First start, second start, and a start with a database given."""

from benchmarks.processes import headgate, scratch
from headgate.storage.migrate import migrate
from headgate.storage.postgres.embedded import EmbeddedPostgres

CONFIGURATION = "version: 1\nteams:\n  bench: {budget: 100 USD/month}\n"


def main() -> dict[str, float]:
    """Seconds from the process's start to a healthy `/health/ready`."""
    figures: dict[str, float] = {}
    with scratch() as directory:
        for name in ("first start, s", "second start, s"):
            with headgate(CONFIGURATION, directory) as platform:
                figures[name] = platform.started_s
    with scratch() as directory, scratch() as cluster:
        postgres = EmbeddedPostgres(cluster)
        url = postgres.start()
        try:
            migrate(url)
            with headgate(CONFIGURATION, directory, {"HEADGATE_DATABASE_URL": url}) as platform:
                figures["start with a database given, s"] = platform.started_s
        finally:
            postgres.stop()
    return figures
