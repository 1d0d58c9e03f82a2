"""Who calls: keys, roles, and the directory of teams, projects and users."""
