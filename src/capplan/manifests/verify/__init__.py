"""The checks between objects that no schema and no API server makes."""
