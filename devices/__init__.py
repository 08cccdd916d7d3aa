"""Floor 2: places that run things and hold files, one file per kind behind one small protocol."""
