"""The configuration: what `headgate.yaml` may say, how mistakes in it are told, and how it becomes a policy."""
