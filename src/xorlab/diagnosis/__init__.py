"""What happened to a run and why, from its losses, parameters and outputs.

Here: levels, units, plateaus, certificates, causes, verdicts, closed forms, and their wording. Not here: rates over
many runs (`statistics`), or trying what would have helped (`remedies`).
"""
