"""Gallery over HTTP: routes, sessions, guards and what answers look like."""
