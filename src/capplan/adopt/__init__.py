"""Manifests, Terraform plans and compose files as the source of a plan."""
