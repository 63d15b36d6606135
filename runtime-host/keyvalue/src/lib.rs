//! Key-value stores by label, kept in SQLite in the table layout that Spin uses.
