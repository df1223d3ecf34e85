"""Pages of interest registrations: the form, confirming, the sender's own page, staff."""
