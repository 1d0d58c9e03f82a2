"""Says something through the OpenAI SDK, led by its variables: `say.py TEXT MODEL [RETRIES [TIMES]]`."""

import sys

from openai import OpenAI, OpenAIError


def main(text: str, model: str, retries: str = "2", times: str = "1") -> None:
    """Print the answers, which are streamed, or what the SDK raises."""
    messages = [{"role": "user", "content": text}]
    client = OpenAI(max_retries=int(retries))
    try:
        for _ in range(int(times)):
            stream = client.chat.completions.create(model=model, messages=messages, stream=True)
            print("".join(chunk.choices[0].delta.content or "" for chunk in stream))
    except OpenAIError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
