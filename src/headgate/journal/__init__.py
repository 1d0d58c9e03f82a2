"""The only primary write of money and audit: an append-only file per worker, and its projection."""
