"""Says something through the Anthropic SDK, led by its variables: `say.py TEXT MODEL [RETRIES [TIMES]]`."""

import sys

from anthropic import Anthropic, AnthropicError


def main(text: str, model: str, retries: str = "2", times: str = "1") -> None:
    """Print the answers, which are streamed, or what the SDK raises."""
    messages = [{"role": "user", "content": text}]
    client = Anthropic(max_retries=int(retries))
    try:
        for _ in range(int(times)):
            with client.messages.stream(model=model, max_tokens=200, messages=messages) as stream:
                print("".join(stream.text_stream))
    except AnthropicError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
