"""Exact Smatch: the best match of two AMR graphs, with a proof that no better one exists."""
