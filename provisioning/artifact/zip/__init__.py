"""What reads and spells zip archives."""
