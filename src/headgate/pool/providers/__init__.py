"""The kinds of provider, one file each."""

from collections.abc import Mapping
from typing import Final

from headgate.pool.providers.anthropic import ANTHROPIC
from headgate.pool.providers.demo_kind import DEMO
from headgate.pool.providers.kind import ProviderKind
from headgate.pool.providers.openai import OPENAI
from headgate.pool.providers.openai_like import OPENAI_LIKE

KINDS: Final[Mapping[str, ProviderKind]] = {kind.name: kind for kind in (OPENAI, OPENAI_LIKE, ANTHROPIC, DEMO)}
