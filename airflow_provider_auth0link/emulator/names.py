"""Words that made-up users are made of."""

from __future__ import annotations

GIVEN = (
    "Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Margaret", "Tim", "Radia", "Ken", "Frances",
    "Niklaus", "Jean", "Björn", "Zoë", "José", "Łucja", "Siân", "Renée", "Ðorđe", "Aoife", "Çağla",
    "Noël", "Mária", "Jürgen", "Søren", "Anaïs", "Dvořák", "Mei", "Yuki", "Amara", "Kofi", "Priya",
    "Arjun", "Leila", "Omar", "Thuỷ", "Nguyên",
)  # fmt: skip
FAMILY = (
    "Lovelace", "Hopper", "Turing", "Liskov", "Knuth", "Hamilton", "Perlman", "Allen", "Wirth",
    "Müller", "García", "Núñez", "Øverland", "Škoda", "Žižek", "O'Brien", "van der Berg", "Łukasiewicz",
    "Gödel", "Erdős", "Strauß", "Björklund", "Castañeda", "Lefèvre", "D'Angelo", "Kowalski", "Okafor",
    "Mensah", "Sharma", "Patel", "Tanaka", "Trần",
)  # fmt: skip
DOMAINS = ("example.com", "example.org", "example.net", "mail.example.com", "shop.example.org")
COMPANIES = ("acme", "globex", "initech")
HOBBIES = ("chess", "climbing", "baking", "sailing", "go", "running", "painting", "birds")
PLANS = ("free", "basic", "pro")
ROLES = ("reader", "writer", "editor", "billing", "admin")
