"""What the benchmark measures; each module's `measure(scale)` returns a section of docs/performance.md."""
