"""The sections of docs/performance.md; each module's `measure(quick=...)` measures one and returns its text."""
