"""The one connection: a loop of epochs, each the life of one socket."""
