"""The rules of HTTP caching: decisions and their reasons, one section of a specification a file.

Nothing here knows keepwarm, a clock, a loop or a socket. Messages come in as a status and a
sequence of (lower-case name, value) in bytes, instants as Unix seconds, and what goes out is
a value: a decision with its reason, which becomes the detail of a Cache-Status field.
"""
