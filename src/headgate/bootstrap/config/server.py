"""The part of the configuration that says how the process runs: store, server, journal, telemetry."""

from typing import Annotated

from pydantic import Field

from headgate.bootstrap.config.values import DatabaseUrl, Network, Origin, Section, Size, one_of


class StoreSection(Section):
    """Where state lives."""

    database: DatabaseUrl | None = Field(default=None, description="PostgreSQL's URL by reference; left out: embedded.")


class CorsSection(Section):
    """Which web pages may call `/v1`."""

    origins: list[Origin] = Field(default=["*"], description="Origins such as https://app.example.org, or `*`.")


class ServerSection(Section):
    """Where the server listens and what it accepts."""

    host: str = Field(default="127.0.0.1", min_length=1, max_length=255, description="The address to listen on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(default=4100, description="The TCP port; 0 takes any free one.")
    cors: CorsSection = Field(
        default_factory=CorsSection, description="Which web pages may call `/v1`, without credentials."
    )
    body_limit: Size = Field(
        default="32MB", validate_default=True, description="The longest request body, such as 32MB."
    )
    trusted_proxies: list[Network] = Field(default=[], description="Networks whose X-Forwarded-For is believed.")


class JournalSection(Section):
    """What an answered call survives."""

    durability: Annotated[str, *one_of(("process", "power"), later=("zone",))] = Field(
        default="process", description="`process` survives kill -9, `power` also a power failure."
    )


class TelemetrySection(Section):
    """What the process says about itself."""

    log_level: Annotated[str, *one_of(("debug", "info", "warning", "error"))] = Field(
        default="info", description="The least severe log lines that are written."
    )
