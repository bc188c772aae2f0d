"""Where the plugin `activity` can deliver events, one kind a file."""
