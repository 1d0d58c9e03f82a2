"""What callers may ask for, and which version of the configuration says so."""
