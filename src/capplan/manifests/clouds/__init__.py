"""What runs beside Kubernetes, and the scripts and variables that make it."""
