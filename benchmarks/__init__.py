"""Benchmarks: one file a question, each beside a bare pass-through of the same run; `make bench` runs them all."""
