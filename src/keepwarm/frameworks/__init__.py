"""One module for each web framework: thin, and imported only by who uses it."""
