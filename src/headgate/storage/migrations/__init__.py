"""The schema and its history: one revision a file, each with its SQL beside it."""
