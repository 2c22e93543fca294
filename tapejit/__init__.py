"""tapejit (the public names come back here once trace/ and kernel/ import; see git)."""
