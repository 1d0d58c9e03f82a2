"""The Anthropic surface: messages, their count of tokens, and the shape of models."""
