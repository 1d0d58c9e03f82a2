"""The kinds of provider: one file each, and one table of those that speak OpenAI's formats."""

from collections.abc import Mapping
from typing import Final

from headgate.pool.providers.anthropic import ANTHROPIC
from headgate.pool.providers.azure_openai import AZURE_OPENAI
from headgate.pool.providers.bedrock import BEDROCK
from headgate.pool.providers.demo_kind import DEMO
from headgate.pool.providers.gemini import GEMINI_KIND
from headgate.pool.providers.kind import ProviderKind
from headgate.pool.providers.openai import OPENAI
from headgate.pool.providers.openai_like import OPENAI_LIKE, PRESETS

KINDS: Final[Mapping[str, ProviderKind]] = {
    kind.name: kind for kind in (OPENAI, AZURE_OPENAI, ANTHROPIC, BEDROCK, GEMINI_KIND, OPENAI_LIKE, *PRESETS, DEMO)
}
