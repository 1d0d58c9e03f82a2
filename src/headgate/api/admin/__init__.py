"""Administration over HTTP: one file per resource, under `/admin/v1`."""
