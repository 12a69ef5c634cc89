"""Hostile specs: what must hold of any bytes, and how bytes are made that get far."""
