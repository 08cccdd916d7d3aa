"""Floor 5: a file per verb; thin. Nothing heavy is imported before a verb runs."""
