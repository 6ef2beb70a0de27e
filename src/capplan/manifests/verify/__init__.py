"""The checks between objects that no schema and no API server makes: 30 rules over one environment."""
