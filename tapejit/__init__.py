"""tapejit."""
