"""Says something through the OpenAI SDK, pointed at Headgate by its variables: `say.py TEXT MODEL [RETRIES]`."""

import sys

from openai import OpenAI, OpenAIError


def main(text: str, model: str, retries: str = "2") -> None:
    """Print the answer, which is streamed, or what the SDK raises."""
    messages = [{"role": "user", "content": text}]
    try:
        for chunk in OpenAI(max_retries=int(retries)).chat.completions.create(
            model=model, messages=messages, stream=True
        ):
            print(chunk.choices[0].delta.content or "", end="")
    except OpenAIError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
