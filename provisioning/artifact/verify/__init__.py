"""Verifies artifacts and directories against their manifests."""
