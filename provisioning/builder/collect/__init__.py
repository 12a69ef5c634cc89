"""The stage `collect`: which files a package takes, where they go, and what they hold."""
