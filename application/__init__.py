"""One job per module: the steps that a service takes, in order."""
