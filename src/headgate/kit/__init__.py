"""Tools that know nothing of the platform's domain."""
