"""xorlab: why a small network will not learn XOR."""
