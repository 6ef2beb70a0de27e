"""Which and when: recommendations, break-even, tiers, migration rules."""
