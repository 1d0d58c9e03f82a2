"""Answers that are kept: which question is the same one, and how its answer is given again."""
