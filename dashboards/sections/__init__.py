"""The parts of "Compare sites", each placed by a function of its own. Shell."""
