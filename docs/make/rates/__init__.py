"""How docs/failure-rates.md is made: the rows, their counts, comparisons with other programs, and the page."""
