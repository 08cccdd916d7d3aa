"""The regression gate: two arms that take turns, and what follows from them."""
