"""The OpenAI surface: chat completions and the list of models."""
