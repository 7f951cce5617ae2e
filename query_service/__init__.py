"""The query service: tickets, the resolver and the catalog's REST API. Stateless; sees no image byte."""
