"""`headgate init`: a first configuration with the four use cases that most teams begin with."""

from pathlib import Path
from typing import Annotated, Final

import typer

from headgate.cli import show

STARTER: Final = """\
# Headgate's configuration. `headgate check` tells every mistake in it; docs/configuration.md explains each key.
version: 1

providers:
  anthropic: {kind: anthropic, key: "${env:ANTHROPIC_API_KEY}"}
  openai:    {kind: openai, key: "${env:OPENAI_API_KEY}"}

models:                       # the names that teams ask for; prices that are left out come from a public table
  claude-sonnet: {tier: premium,  deployments: [{provider: anthropic, id: claude-sonnet-4-20250514, region: us}]}
  claude-haiku:  {tier: standard, deployments: [{provider: anthropic, id: claude-3-5-haiku-20241022, region: us}]}
  gpt-4o:        {tier: premium,  deployments: [{provider: openai, id: gpt-4o, region: us}]}
  gpt-4o-mini:   {tier: standard, deployments: [{provider: openai, id: gpt-4o-mini, region: us}]}

chains:                       # each goes on with the next model where one gives no answer
  conversation: {try: [claude-sonnet, gpt-4o, gpt-4o-mini], timeout: 60s, first_token: 8s}
  code:         {try: [claude-sonnet, gpt-4o], timeout: 300s, first_token: 20s, retries: 1}
  summary:      {try: [claude-haiku, gpt-4o-mini], timeout: 120s, first_token: 15s, retries: 1}
  analysis:     {try: [gpt-4o, claude-sonnet, claude-haiku], timeout: 180s, first_token: 20s}

use_cases:                    # chosen by the header X-Headgate-Use-Case, or as the model's name
  default:         {chain: conversation}
  customer-chat:   {chain: conversation}
  code-generation: {chain: code}
  summarization:   {chain: summary}
  rag-analysis:    {chain: analysis}

teams:
  defaults: {budget: 100 USD/month, limits: {requests: 100/min, tokens: 400k/min, parallel: 20}}
"""


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it; a file that is there stays as it is.")] = Path(
        "headgate.yaml"
    ),
) -> None:
    """Write a first configuration: two providers, and chains with fallbacks for four use cases."""
    try:
        with file.open("x") as written:
            written.write(STARTER)
    except FileExistsError:
        show.stop(1, f"{file} is there already and stays as it is; name another file, or move it away.")
    except OSError as error:
        show.stop(1, f"{file} cannot be written: {error.strerror}.")
    show.say(f"{file} is written. Set ANTHROPIC_API_KEY and OPENAI_API_KEY, then: headgate check {file}")
