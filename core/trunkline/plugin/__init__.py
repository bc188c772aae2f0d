"""Plugins: found, audited, loaded one by one, registered, run."""
