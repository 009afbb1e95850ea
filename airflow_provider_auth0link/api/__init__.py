"""The face to Auth0: requests out, answers in, tokens, pace, one socket."""

from __future__ import annotations
