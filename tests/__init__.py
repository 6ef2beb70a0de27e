"""Makes `python -m tests.conformance.…` find these tests, and not those that a dependency installs."""
