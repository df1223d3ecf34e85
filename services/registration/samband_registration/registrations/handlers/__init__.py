"""Commands on interest registrations: what senders do, what staff answer, what time brings."""
