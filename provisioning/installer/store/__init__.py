"""What lies on the machine: prefixes, releases, configuration, and who owns them."""
