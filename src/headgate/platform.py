"""The rooms of the platform, one typed field each."""

from dataclasses import dataclass

from headgate.cache.cache import Cache
from headgate.governance.permits import Governance
from headgate.identity.identity import Identity
from headgate.journal.journal import Journal
from headgate.ledger.ledger import Ledger
from headgate.limits.limits import Limits
from headgate.pipelines.pipelines import Pipelines
from headgate.pool.pool import Pool


@dataclass(frozen=True, slots=True)
class Platform:
    """Everything that a request or a job may use."""

    journal: Journal
    identity: Identity
    governance: Governance
    limits: Limits
    cache: Cache
    pipelines: Pipelines
    pool: Pool
    ledger: Ledger
