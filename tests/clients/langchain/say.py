"""Says something through LangChain, led by its variables: `say.py CLASS TEXT MODEL [RETRIES [TIMES]]`."""

import sys

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

CLASSES = {"ChatOpenAI": ChatOpenAI, "ChatAnthropic": ChatAnthropic}


def main(name: str, text: str, model: str, retries: str = "2", times: str = "1") -> None:
    """Print the answers, which are streamed, or what LangChain raises."""
    chat = CLASSES[name](model=model, max_retries=int(retries))
    try:
        for _ in range(int(times)):
            print("".join(chunk.text for chunk in chat.stream(text)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what a person would see
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
