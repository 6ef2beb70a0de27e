"""Objects of Kubernetes and of its operators."""
