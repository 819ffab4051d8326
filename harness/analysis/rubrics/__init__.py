"""Rubrics that ship with the package, as YAML."""
