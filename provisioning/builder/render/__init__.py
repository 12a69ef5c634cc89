"""The stage `render`: files made from templates, in a sandbox."""
