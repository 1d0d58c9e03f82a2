"""One served Headgate for the clients of a test process, and a home that no client has been in before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.gateway import Gateway, gateway
from tests.clients.running import Runner


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A running Headgate."""
    with gateway(tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """Runs clients in an empty home and folder."""
    return Runner(tmp_path)
