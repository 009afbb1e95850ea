"""
Everything that can go wrong.

::

    Auth0LinkError                 retryable: would the same thing work later?
    ├── InputError                 no   an argument is wrong; nothing was sent
    │   └── SettingsError          no   a field of the connection is wrong; nothing was sent
    ├── RefusedError               no   a guard or the evidence said no; nothing was changed
    ├── AnswerError                no   Auth0 answered, and it was no
    │   ├── BadRequestError        no   400
    │   │   ├── SameIdentityError  no   400 "Main identity and the new one are the same."
    │   │   └── MissingAccountError no  400 or 404: an account is not there
    │   ├── UnauthorizedError      no   401, a new token included
    │   ├── ForbiddenError         no   403, mostly a missing scope
    │   ├── ConflictError          no   409
    │   └── RateLimitedError       yes  429 until the time given was used up
    ├── UnsentError                yes  no connection was made: nothing can have happened
    ├── AmbiguousError             yes  no answer, 5xx or an unreadable one: it may have happened
    ├── LinkFailedError            no   the pair was not linked, and this is known
    │   └── LinkDelayedError       yes  not within the time given to it
    ├── OutcomeUnknownError        yes  the settling read failed too: look at the pair
    ├── StoppedError               yes  told to stop before the end: a retry goes on
    ├── StoreError                 yes  the journal's folder could not be read or written
    └── ExportError                yes  the users export failed, or its file could not be had whole

Messages say what is wrong, where, and what to do. They never quote a body or a secret.
Each class is built from its message alone, so that it can cross a process border by pickle.
"""

from __future__ import annotations


class Auth0LinkError(Exception):
    """The root of what this provider raises."""

    retryable = False


class InputError(Auth0LinkError, ValueError):
    """An argument is wrong. Raised before the first request."""


class SettingsError(InputError):
    """A field of the connection is wrong. Raised before the first request."""


class RefusedError(Auth0LinkError):
    """A guard, the evidence or a documented limit says that this pair must not be linked."""


class AnswerError(Auth0LinkError):
    """Auth0 answered, and the answer was no."""


class BadRequestError(AnswerError):
    """400: the request was not understood or not allowed."""


class SameIdentityError(BadRequestError):
    """400 "Main identity and the new one are the same.": a self-link, or perhaps already linked."""


class MissingAccountError(BadRequestError):
    """404, or a 400 about an account that is not there."""


class UnauthorizedError(AnswerError):
    """401 that a new token did not cure."""


class ForbiddenError(AnswerError):
    """403: a scope is missing, or a user's token acts on somebody else."""


class ConflictError(AnswerError):
    """409: the identity already exists somewhere."""


class RateLimitedError(AnswerError):
    """429 until the time given to the work was used up."""

    retryable = True


class UnsentError(Auth0LinkError):
    """No connection could be made, so nothing was sent and nothing can have happened."""

    retryable = True


class AmbiguousError(Auth0LinkError):
    """The request left, and what became of it was not told: a reset, a timeout, 5xx, an unreadable 2xx."""

    retryable = True


class LinkFailedError(Auth0LinkError):
    """The pair was not linked, and this is known."""


class LinkDelayedError(LinkFailedError):
    """The pair was not linked within the time given to it; later it may well be."""

    retryable = True


class OutcomeUnknownError(Auth0LinkError):
    """Whether the pair was linked could not be found out. Somebody should look at it."""

    retryable = True


class StoreError(Auth0LinkError):
    """The folder where a journal lies could not be read or written."""

    retryable = True


class StoppedError(Auth0LinkError):
    """The run was told to stop before its end. What was done is written down; a retry goes on from there."""

    retryable = True


class ExportError(Auth0LinkError):
    """The users export failed at Auth0, or its file could not be had whole. Another try may do better."""

    retryable = True
