"""Where the simulated machines stand: 30 cloud regions by the city they are in. Pure data.

`share`: how much of the uploads and reads comes from around there. An assumption, in rough proportion to
how many people are online near by; what follows from it is shown beside what an even spread gives.
"""

from __future__ import annotations

from atoll.model import Region

REGIONS: tuple[tuple[Region, float], ...] = (
    (Region("us-east", 37.4, -79.8), 6), (Region("us-central", 41.6, -93.6), 3),
    (Region("us-south", 29.4, -98.5), 3), (Region("us-west", 37.8, -122.4), 5),
    (Region("canada-central", 43.7, -79.4), 2), (Region("canada-east", 46.8, -71.2), 1),
    (Region("mexico-central", 20.6, -100.4), 3), (Region("brazil-south", -23.6, -46.6), 5),
    (Region("uk-south", 51.5, -0.8), 4), (Region("ireland", 53.3, -6.3), 1),
    (Region("netherlands", 52.4, 4.9), 2), (Region("france-central", 48.9, 2.3), 4),
    (Region("germany-west", 50.1, 8.7), 5), (Region("switzerland-north", 47.4, 8.6), 1),
    (Region("italy-north", 45.5, 9.2), 3), (Region("spain-central", 40.4, -3.7), 3),
    (Region("sweden-central", 60.7, 17.1), 1), (Region("poland-central", 52.2, 21.0), 3),
    (Region("israel-central", 31.8, 34.8), 1), (Region("uae-north", 25.3, 55.3), 3),
    (Region("south-africa-north", -25.7, 28.2), 4), (Region("india-central", 18.6, 73.9), 10),
    (Region("singapore", 1.3, 103.8), 3), (Region("malaysia-west", 3.1, 101.7), 2),
    (Region("indonesia-central", -6.2, 106.8), 5), (Region("hong-kong", 22.3, 114.2), 3),
    (Region("japan-east", 35.7, 139.8), 5), (Region("korea-central", 37.6, 127.0), 3),
    (Region("australia-east", -33.9, 151.2), 2), (Region("new-zealand-north", -36.8, 174.8), 1),
)  # fmt: skip
