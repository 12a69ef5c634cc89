"""From YAML to variants: what a package is on each platform, every value with its origin."""
