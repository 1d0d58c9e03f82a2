"""The words every room shares; frozen, without input or output."""
