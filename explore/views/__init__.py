"""Ways to look at a declaration, one per file."""
