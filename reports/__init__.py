"""What people read, and what other tools take: plain functions of records. Nothing here measures or reads files."""
