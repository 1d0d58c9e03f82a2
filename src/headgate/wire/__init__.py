"""Wire formats: how requests and answers are written in bytes, and the canonical form between them."""
