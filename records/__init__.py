"""Floor 1: the record and its parts as frozen types, their JSON, the store; `stats` holds the mathematics on them."""
