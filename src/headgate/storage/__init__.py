"""Where state lives: PostgreSQL (embedded or given), its migrations, and the counters of rates."""
