"""What is to be built, and what of it may have changed since the last run."""
