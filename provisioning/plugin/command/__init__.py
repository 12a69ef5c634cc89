"""Commands of doit, each in a module that is imported only if it is called or told of."""
