"""What theory predicts beside what is simulated; `compare(networks)` of a section's module is its comparison."""
