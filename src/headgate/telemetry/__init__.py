"""What the platform tells its operators: log lines and metrics."""
