"""The demo provider: one deterministic engine, in process as a transport and over HTTP as `headgate simulate`."""
