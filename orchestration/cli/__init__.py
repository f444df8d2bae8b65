"""`alliance`: one module a group of commands. Progress and messages go to standard error."""
