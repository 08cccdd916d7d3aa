"""The architectures, a file each. A new one is one file here and one line in models/catalog.py."""
