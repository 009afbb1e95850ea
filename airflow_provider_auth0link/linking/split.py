"""A plan divided among several workers: no star in two parts, the parts alike in pairs."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from heapq import heapify, heapreplace

from airflow_provider_auth0link.linking.plan import Plan


def shard_of_records(plan: Plan, shards: int) -> Iterator[int]:
    """
    Give for each record of a plan's file, repeats too, the shard that it belongs to, from 0.

    The greatest star goes first, each to the shard that has least so far: the fullest shard has at most a third
    more than the best division would have (Graham 1969). The same plan is always divided alike. A shard is empty
    only when there are fewer stars than shards; the empty ones are the last.
    """
    sizes = array("i", plan.sizes())
    fill = [(0, shard) for shard in range(shards)]
    heapify(fill)
    shard_of_star = array("i", bytes(sizes.itemsize * len(sizes)))
    for star in sorted(range(len(sizes)), key=lambda star: -sizes[star]):
        pairs, shard = fill[0]
        shard_of_star[star] = shard
        heapreplace(fill, (pairs + sizes[star], shard))
    return (shard_of_star[star] for star in plan.star_of_records())
