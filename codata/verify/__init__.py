"""Verification: structure, then re-execution of drawn tasks, then a signed word on it."""
