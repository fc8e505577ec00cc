"""The build and the command line: they run notebooks and claims, and know no chapter by name."""
