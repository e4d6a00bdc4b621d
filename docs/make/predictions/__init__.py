"""The sections of docs/theory.md; each module's `compare(networks)` compares theory with simulated networks."""
