"""Writing an estimate down for the platforms: artefacts, their files, and the checks on both."""
