"""What runs: services, hooks, health checks, and the users they run as."""
