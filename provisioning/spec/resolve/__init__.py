"""From the files of a project to one spec for each package and platform."""
