"""What each client needs to talk to Headgate: one table, from which `headgate connect` and the documents are made."""

from collections.abc import Mapping
from typing import Final

import msgspec

KEY: Final = "$HEADGATE_KEY"
"""What stands for a virtual key."""


class Client(msgspec.Struct, frozen=True):
    """A client. In its texts `{url}` is the platform's address and `{model}` the model to ask for.

    The variables alone make the client's own defaults lead here; the text does the same as one would write it.
    """

    title: str
    language: str
    """What the text is written in, as Markdown names it."""
    text: str
    """The configuration, or a program; both take the key from `HEADGATE_KEY`."""
    variables: Mapping[str, str]
    file: str = ""
    """Where the text belongs, if that is a file of the client's own."""
    with_model: str = ""
    """What follows the text where a model is named, for clients that otherwise ask for names of their own."""


CLIENTS: Final[Mapping[str, Client]] = {
    "claude-code": Client(
        "Claude Code",
        "bash",
        """\
export ANTHROPIC_BASE_URL={url}
export ANTHROPIC_AUTH_TOKEN=$HEADGATE_KEY
""",
        {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_AUTH_TOKEN": KEY},
        with_model="""\
export ANTHROPIC_MODEL={model}
export ANTHROPIC_DEFAULT_HAIKU_MODEL={model}
""",
    ),
    "codex": Client(
        "Codex",
        "toml",
        """\
model = "{model}"
model_provider = "headgate"

[model_providers.headgate]
name = "Headgate"
base_url = "{url}/v1"
env_key = "HEADGATE_KEY"
wire_api = "responses"
""",
        {"HEADGATE_KEY": KEY},
        file="~/.codex/config.toml",
    ),
    "openai": Client(
        "OpenAI SDK for Python",
        "python",
        """\
import os

from openai import OpenAI

client = OpenAI(base_url="{url}/v1", api_key=os.environ["HEADGATE_KEY"])
messages = [{{"role": "user", "content": "Say hello"}}]
answer = client.chat.completions.create(model="{model}", messages=messages)
print(answer.choices[0].message.content)
""",
        {"OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": KEY},
    ),
    "openai-node": Client(
        "OpenAI SDK for Node",
        "javascript",
        """\
import OpenAI from "openai";

const client = new OpenAI({{ baseURL: "{url}/v1", apiKey: process.env.HEADGATE_KEY }});
const messages = [{{ role: "user", content: "Say hello" }}];
const answer = await client.chat.completions.create({{ model: "{model}", messages }});
console.log(answer.choices[0].message.content);
""",
        {"OPENAI_BASE_URL": "{url}/v1", "OPENAI_API_KEY": KEY},
    ),
    "anthropic": Client(
        "Anthropic SDK for Python",
        "python",
        """\
import os

from anthropic import Anthropic

client = Anthropic(base_url="{url}", api_key=os.environ["HEADGATE_KEY"])
messages = [{{"role": "user", "content": "Say hello"}}]
answer = client.messages.create(model="{model}", max_tokens=200, messages=messages)
print(answer.content[0].text)
""",
        {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": KEY},
    ),
    "anthropic-node": Client(
        "Anthropic SDK for TypeScript",
        "javascript",
        """\
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{ baseURL: "{url}", apiKey: process.env.HEADGATE_KEY }});
const messages = [{{ role: "user", content: "Say hello" }}];
const answer = await client.messages.create({{ model: "{model}", max_tokens: 200, messages }});
console.log(answer.content[0].text);
""",
        {"ANTHROPIC_BASE_URL": "{url}", "ANTHROPIC_API_KEY": KEY},
    ),
    "langchain": Client(
        "LangChain",
        "python",
        """\
import os

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

key = os.environ["HEADGATE_KEY"]
by_openai = ChatOpenAI(model="{model}", base_url="{url}/v1", api_key=key, stream_usage=True)
by_anthropic = ChatAnthropic(model="{model}", base_url="{url}", api_key=key)
for chat in (by_openai, by_anthropic):
    print(chat.invoke("Say hello").text)
""",
        {
            "OPENAI_BASE_URL": "{url}/v1",
            "OPENAI_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": "{url}",
            "ANTHROPIC_API_KEY": KEY,
        },
    ),
}
"""Every client that `headgate connect` knows, by name."""
DEFAULT_MODEL: Final = "demo"


def text_for(client: Client, url: str, model: str | None) -> str:
    """The text of `client` for the platform at `url`; for a client that names models itself, `model` may be None."""
    written = client.text if model is None else client.text + client.with_model
    return written.format(url=url, model=model or DEFAULT_MODEL)


def variables_for(client: Client, url: str) -> dict[str, str]:
    """The environment of `client` for the platform at `url`; `KEY` stands for the key."""
    return {name: value.format(url=url) for name, value in client.variables.items()}
