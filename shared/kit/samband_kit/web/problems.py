"""Problems: how a refusal looks from outside.

Under `/api`, or when the client asks for JSON, RFC 9457 problem details with
the type `urn:samband:problem:<kebab-class-name>`; otherwise a page that says
what can be done next. Both carry the request's correlation id, which is what
support searches for. What went wrong inside is logged, never shown.
"""
