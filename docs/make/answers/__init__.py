"""What the studies answer; a question's module has STUDIES and `answer(studies)`, and beside it its words, a .md."""
