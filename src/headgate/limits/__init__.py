"""Admission: rates first, then the money lease; and what a call holds until it ends."""
