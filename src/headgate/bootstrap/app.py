"""Mounts the surfaces, operations and administration on one ASGI application."""

from headgate.api.admin.app import admin_app
from headgate.api.dispatch import Application, Dispatch
from headgate.api.front import Front
from headgate.api.operations import checks, export
from headgate.bootstrap.build import Built
from headgate.bootstrap.config.server import ServerSection


def application(built: Built, server: ServerSection) -> Application:
    """What the HTTP server serves."""
    platform = built.platform
    administration = admin_app(platform, built.clock, lambda: built.reload.current.policy)
    export(platform, built.observation.metrics)
    front = Front(
        platform,
        lambda: built.reload.current.policy,
        built.clock,
        built.observation,
        checks(platform),
        server.body_limit,
        tuple(server.cors.origins),
    )
    return Dispatch(front, administration, administration.openapi)
