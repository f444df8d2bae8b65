"""Taking deliveries in: receive, read, gate, conform, check, load; each a module of its own."""
