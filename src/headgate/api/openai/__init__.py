"""The OpenAI surface: chat completions, responses, embeddings, and the shape of models."""
