"""Headgate: one entry point for every GenAI request of an organisation."""

__version__ = "0.1.0"
