"""What trtexec prints and takes: logs, times, profiles, layers, flags."""
