"""The commands of `provision`, one a module: what each is told, and what it does."""
