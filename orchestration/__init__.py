"""Moving data: from a practice's export in landing to a release that a dashboard opens."""
