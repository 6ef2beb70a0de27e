"""What the API server, the kubelet or an operator refuses of single objects, in tables."""
