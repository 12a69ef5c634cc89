"""Commands of doit, one a module; doit imports each only when it is called, or told of."""
