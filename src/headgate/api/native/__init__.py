"""The native surface: answers and cost reports."""
