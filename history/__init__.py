"""Every access, kept for years: the table, its writer, compaction, named queries, retention."""
