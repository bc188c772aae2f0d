"""Routing: from a message to the subscribers of its topic."""
