"""What specs become: variants with their contents, services and fields for Debian."""
