"""Says something through the Anthropic SDK, pointed at Headgate by its variables: `say.py TEXT MODEL [RETRIES]`."""

import sys

from anthropic import Anthropic, AnthropicError


def main(text: str, model: str, retries: str = "2") -> None:
    """Print the answer, which is streamed, or what the SDK raises."""
    messages = [{"role": "user", "content": text}]
    try:
        with Anthropic(max_retries=int(retries)).messages.stream(
            model=model, max_tokens=200, messages=messages
        ) as stream:
            print("".join(stream.text_stream))
    except AnthropicError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
