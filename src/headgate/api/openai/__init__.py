"""The OpenAI surface: chat completions, embeddings, and the shape of models."""
