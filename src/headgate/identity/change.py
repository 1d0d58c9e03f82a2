"""What becomes of a team, a project, a user or a key: a field that is unset stays as it is."""

import msgspec

from headgate.domain.money import Budget
from headgate.domain.principal import Limits


class Change(msgspec.Struct, frozen=True):
    """What becomes of a scope; what is unset stays, None gives it back to the configuration's defaults."""

    budgets: tuple[Budget, ...] | msgspec.UnsetType | None = msgspec.UNSET
    limits: Limits | msgspec.UnsetType | None = msgspec.UNSET
    owner: str | msgspec.UnsetType = msgspec.UNSET
    """Of a team."""
    use_cases: tuple[str, ...] | msgspec.UnsetType | None = msgspec.UNSET
    """Of a team; None grants all."""
    use_case: str | msgspec.UnsetType | None = msgspec.UNSET
    """Of a project."""
