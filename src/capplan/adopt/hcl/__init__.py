"""Directories of Terraform files, read as far as nothing but variables needs to be known."""
