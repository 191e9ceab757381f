"""Gallery's data: tables, queries that read, writes, and the seeded world."""
