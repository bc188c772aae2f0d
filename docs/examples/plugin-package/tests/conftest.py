"""Brings the fixture `trunkline_host`."""

pytest_plugins = ["trunkline.testing"]
