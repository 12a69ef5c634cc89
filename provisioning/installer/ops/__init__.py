"""What can be done to a package on a machine: planned, carried out, recovered."""
