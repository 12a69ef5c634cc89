"""What a package is: its entries, its properties, its manifest, its place on a machine."""
