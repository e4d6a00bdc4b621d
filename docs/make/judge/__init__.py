"""Test what verdicts say on runs of every kind; see docs/make/judge.py."""
