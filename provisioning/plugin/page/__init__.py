"""The page of `provision report`: what it tells, and how it is written."""
