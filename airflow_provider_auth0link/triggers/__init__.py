"""Waits that need no worker."""
