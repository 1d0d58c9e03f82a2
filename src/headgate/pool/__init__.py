"""Deployments and how to call them: chains, breakers, providers, transport."""
