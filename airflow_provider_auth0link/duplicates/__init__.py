"""Who is the same person: duplicates found in an export or a table, a primary chosen, a plan written."""
