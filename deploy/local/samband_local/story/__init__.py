"""The story: the first human-rights network, played by its people.

Officers fill in the forms, read their mail and press the buttons; staff answer
and schedule the kickoff. Everything goes through the pages that anybody uses
and the mailbox; at the end every count is checked.
"""
