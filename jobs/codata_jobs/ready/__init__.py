"""Ready-made jobs: YAML files that `codata run NAME` finds by their name."""
