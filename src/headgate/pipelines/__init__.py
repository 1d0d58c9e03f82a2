"""Ways to make an answer; each yields events."""
