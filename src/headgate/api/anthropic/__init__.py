"""The Anthropic surface: messages and their count of tokens."""
