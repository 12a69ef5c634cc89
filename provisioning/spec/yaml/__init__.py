"""YAML as it was written: nodes with their origins, and the mistakes that people make in it."""
