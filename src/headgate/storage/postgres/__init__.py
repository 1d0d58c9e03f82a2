"""PostgreSQL: the embedded server, and the one way to talk to any."""
