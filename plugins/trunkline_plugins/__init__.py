"""The built-in plugins; each comes in by its entry point, like anyone's."""
