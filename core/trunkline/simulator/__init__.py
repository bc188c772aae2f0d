"""A server that speaks the protocol: for demo, docs, tests and plugin authors."""
