"""From a configuration file to a running platform; the only place that names concrete backends."""
