"""
A model of one of the tenant's token buckets: when may the next request of ours leave? Pure; times are arguments.

Auth0 tells the bucket's size and what is left of it with every answer, never its refill rate, and its own pages
differ on when it is refilled (rate limit policy, rate limit use cases). So nothing is assumed of the refill:

- **Known tokens.** What the last answer said was left, less what of ours was sent since, is surely there, unless
  others took it. A request leaves on a known token only; alone on the tenant this meets no 429, whatever the
  refill. An answer brings what was refilled meanwhile.
- **Nothing known, nothing under way.** Then no answer will come, and the next token is predicted, by the refill
  that was learned. Where a prediction failed though the tenant had told a later reset, the reset is waited for.
- **The reserve.** What is left above it sets the rate, by the same law for every process (``sharing.py``).
- **No headers.** Only 429s tell of the limit (``blind.py``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_auth0link.api.blind import NEVER, Blind
from airflow_provider_auth0link.api.sharing import Sharing, View

ALONE_PER_TOKEN_S = 16.0
"""Requests per second for each token above the reserve, where the whole bucket may be used: little is left over."""

FIRST_GUESS_PER_S = 1.0
LEAST_GAIN_PER_S = 0.01
SAMPLE_S = 0.4
SAMPLES = 24
LONGEST_PAUSE_S = 60.0
MARGIN_S = 0.01


@dataclass(frozen=True, slots=True)
class Told:
    """
    What an answer says of its bucket; None where it does not.

    ``reset`` and ``date`` are epoch seconds by the tenant's clock, ``retry_after`` is seconds.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    date: float | None = None
    retry_after: float | None = None


@dataclass(slots=True)
class Bucket:
    """
    One bucket, as seen from here. Not safe for threads: whoever shares it holds a lock.

    :param share: how far it may be drawn down, over 0 to 1
    """

    share: float
    limit: int | None = None
    known: float = 0.0
    pending: int = 0
    gain: float = FIRST_GUESS_PER_S
    _guess: float = FIRST_GUESS_PER_S
    _seen_at: float = 0.0
    _last_sent: float = -NEVER
    _paused_until: float = -NEVER
    _refusals: int = 0
    _ok: int = 0
    _samples: list[tuple[float, int, int]] = field(default_factory=list)
    _predicted: bool = False
    _clock_from: float = -NEVER
    _clock_to: float = NEVER
    _reset: float | None = None
    _early_went: int = 0
    _early_failed: int = 0
    _event_at: float = -NEVER
    _sharing: Sharing = field(default_factory=Sharing)
    _blind: Blind = field(default_factory=Blind)

    @property
    def reserve(self) -> float:
        """Tokens that are left to others; half a token at the least."""
        return max(0.5, (1 - self.share) * (self.limit or 0))

    def ready_at(self, now: float) -> float:
        """Return the moment at which the next request may leave; NEVER: an answer is awaited first."""
        if self._paused_until > now:
            return self._paused_until
        if self.limit is None:
            return self._blind.ready_at(now, self._last_sent, self.pending)
        if self.known < 1 and self.pending:
            return NEVER
        return max(now, self._next_token() if self.known < 1 else now, self._due())

    def _due(self) -> float:
        """Return when the next request may leave by the rate. It is never zero: whoever stops learns nothing."""
        if self.limit is None:
            return self._blind.due(self._last_sent)
        if self.reserve >= 1:
            view = View(self.limit or 0, self.reserve, self.known, self._seen_at)
            return self._sharing.due(view, self._last_sent, under_way=self.pending > 0)
        above = max(self.known, 1.0) - self.reserve
        return self._last_sent + 1 / (ALONE_PER_TOKEN_S * (above if above >= 1 else 2.0 ** (above - 1)))

    def _next_token(self) -> float:
        """Predict when a token will be there, with none known and none of ours under way."""
        moment = self._seen_at + (1 - self.known) / self.gain
        if self._reset is not None and self._early_failed > self._early_went:
            moment = max(moment, self._reset_latest())
        # With nothing under way only a request of ours can correct a prediction, or a reset told in years.
        return min(moment, max(self._seen_at, self._last_sent) + LONGEST_PAUSE_S)

    def _reset_latest(self) -> float:
        return (self._reset or 0.0) - self._clock_from + MARGIN_S

    def _reset_earliest(self) -> float:
        return (self._reset or 0.0) - self._clock_to

    def sent(self, now: float) -> None:
        """Take note of a request that leaves now."""
        if not self.pending:
            self._sharing.began(now)
        self.pending += 1
        if self.limit is not None:
            self._predicted = self.known < 1
        # The next moment counts from this request's own, unless that is long past: idle time is not saved up.
        due = self._due()
        self._last_sent = due if now - 0.05 < due <= now else now
        if self.limit is not None:
            self.known -= 1
        else:
            self._blind.sent(now)

    def pause(self, until: float) -> None:
        """Let nothing leave before this moment."""
        self._paused_until = max(self._paused_until, until)

    def lost(self) -> None:
        """Take note of a request that got no answer; it may have taken its token."""
        self.pending -= 1

    def take_over(self, other: Bucket) -> None:
        """Become the one model of what were two."""
        self.pending += other.pending
        self.known = min(self.known, other.known)
        self._last_sent = max(self._last_sent, other._last_sent)
        self.pause(other._paused_until)

    def answered(self, now: float, sent_at: float, told: Told, *, limited: bool) -> None:
        """
        Take note of an answer.

        :param now: when it came, monotonic seconds
        :param sent_at: when its request had left
        :param limited: it was a 429
        """
        self._sharing.heard(now, sent_at)
        self.pending -= 1
        predicted, self._predicted = self._predicted, False
        early = predicted and self._was_early(sent_at, now)
        self._read_clock(now, sent_at, told)
        if told.limit is not None and told.remaining is not None:
            self.limit = told.limit
        if limited and self.limit is None:
            pause = self._blind.refused(now, sent_at)
            self.pause(now + max(pause, min(told.retry_after or 0.0, LONGEST_PAUSE_S)))
        elif limited:
            self._refused(now, sent_at, told, predicted=predicted)
        else:
            self._refusals = 0
            self._ok += 1
            self._early_went += early
            if self.limit is None:
                self._blind.served(now, sent_at)
            elif told.remaining is not None:
                self._read_left(sent_at, told.remaining)

    def _read_left(self, sent_at: float, remaining: int) -> None:
        """Take over what an answer says is left, less all that the tenant may not have counted yet."""
        known = float(remaining - self.pending)
        if sent_at < self._seen_at:  # overtaken: what the later one took is neither in it nor under way
            self.known = min(self.known, known)
            return
        self.known = known
        self._sharing.told(sent_at - self._seen_at, remaining, self._ok)
        self._seen_at = sent_at
        self._learn(sent_at, remaining)

    def _was_early(self, sent_at: float, now: float) -> bool:
        """Tell whether a request surely met the bucket before the reset that was told."""
        return self._reset is not None and now < self._reset_earliest() and sent_at > self._seen_at

    def _read_clock(self, now: float, sent_at: float, told: Told) -> None:
        """Narrow down the tenant's clock: ``Date`` is cut to seconds, and told between request and answer."""
        if told.date is not None:
            low, high = told.date - now, told.date + 1 - sent_at
            fits = low <= self._clock_to and high >= self._clock_from
            self._clock_from = max(low, self._clock_from) if fits else low
            self._clock_to = min(high, self._clock_to) if fits else high
            self._reset = told.reset

    def _refused(self, now: float, sent_at: float, told: Told, *, predicted: bool) -> None:
        """Slow down after a 429: the bucket is empty, or the prediction was too bold."""
        self._seen_at = sent_at
        self.known = -float(self.pending)
        if sent_at < self._event_at:
            return  # of the same flight as an earlier one: the same empty bucket
        self._refusals += 1
        first = self._refusals == 1
        waits = min(0.25 * 2.0 ** min(self._refusals, 16), LONGEST_PAUSE_S)
        hint = self._reset_latest() - now if self._reset is not None else 0.0
        if predicted and hint > 0:
            self._early_failed += 1
        elif predicted:
            self._guess = max(LEAST_GAIN_PER_S, min(self._guess, self.gain) * 0.8)
            self.gain = max(self._guess, self.gain * 0.8)
            self._samples.clear()
        self._event_at = now
        if told.retry_after is not None:
            pause = min(told.retry_after, LONGEST_PAUSE_S)
        else:
            pause = min(max(hint, 0.5 / self.gain if first else waits / 4), waits)
        self.pause(now + pause)

    def _learn(self, at: float, remaining: int) -> None:
        """
        Learn what the bucket gains, less what others take.

        Between two answers it gained at least what we took and it has more, less one token, since what is left is
        told in whole tokens. The best such bound of the last seconds is close from below, so that a prediction
        by it seldom fails; what it leaves unused shows itself as a known token.
        """
        bounds = [
            (remaining - before + self._ok - ok - 1) / (at - then + 2 * MARGIN_S)
            for then, before, ok in self._samples
            if at - then > SAMPLE_S
        ]
        self.gain = max(self._guess, *bounds) if bounds else self.gain
        if not self._samples or at - self._samples[-1][0] > SAMPLE_S:
            self._samples.append((at, remaining, self._ok))
            del self._samples[:-SAMPLES]
