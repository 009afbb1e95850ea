"""One page that a person can read: what a run did to a tenant, or would."""
