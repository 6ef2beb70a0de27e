"""What each kind of component needs, and what it is billed for."""
