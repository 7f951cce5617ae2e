"""The query service: tickets, the resolver and the catalog's REST API. Stateless; never sees an image byte."""
