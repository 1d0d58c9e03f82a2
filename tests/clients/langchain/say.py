"""Says something through LangChain, pointed at Headgate by its variables: `say.py CLASS TEXT MODEL [RETRIES]`."""

import sys

from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI

CLASSES = {"ChatOpenAI": ChatOpenAI, "ChatAnthropic": ChatAnthropic}


def main(name: str, text: str, model: str, retries: str = "2") -> None:
    """Print the answer, which is streamed, or what LangChain raises."""
    try:
        for chunk in CLASSES[name](model=model, max_retries=int(retries)).stream(text):
            print(chunk.text, end="")
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what a person would see
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
