"""codata."""
