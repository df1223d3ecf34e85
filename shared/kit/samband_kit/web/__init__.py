"""Web: pages and API of a service, safe by default.

A service gives its routers to `app.web_app` and writes handlers; the rest of
this room is what every handler then has:

    app       the factory: routers in, a FastAPI with everything below out
    pages     `page` renders a template, `see_other` answers a form
    forms     `read_form` parses a form into a closed model; `text` cleans what people type
    human     honeypot and minimum time for forms that anybody may send
    sessions  who is signed in; `require(*roles)` and `public` are the rules of a route
    csrf      every unsafe request proves that it comes from our own page
    links     signed personal links, single use where it matters
    limits    how often something may be done
    problems  refusals become an error page or RFC 9457 problem details
    i18n      Swedish and English; `times` writes dates in both

A route without a rule is a mistake that `app.unguarded` finds.
"""
