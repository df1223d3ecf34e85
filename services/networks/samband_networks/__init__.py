"""Network management: networks, memberships, meetings."""
