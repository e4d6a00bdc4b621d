"""The dimension of the boundary between networks that learn XOR and networks that do not."""
