"""HTTP surfaces: they translate and never decide."""
