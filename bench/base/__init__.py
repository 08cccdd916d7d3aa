"""Floor 0: errors with exit codes, child processes, paths, progress, findings. Imports nothing of ours."""
