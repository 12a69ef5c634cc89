"""The stage `verify`: artifacts against the specs, a second build, a rehearsed installation."""
