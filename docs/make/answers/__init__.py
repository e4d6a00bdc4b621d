"""The sections of docs/findings.md: a module with STUDIES and `answer(studies)`, and a template, for each question."""
