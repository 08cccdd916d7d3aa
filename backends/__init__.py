"""Floor 3: the runtimes that execute a model on a device. Importable without any of them."""
