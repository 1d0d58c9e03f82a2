"""Counters of rates: requests and tokens a minute, and calls at once; losing them is harmless."""
