"""Interest registrations: from the form to the answer."""
