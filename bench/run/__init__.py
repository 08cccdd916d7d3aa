"""Floor 4: what `bench run` does: configuration, plan, runner."""
