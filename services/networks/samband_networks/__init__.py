"""Networks: organisations that meet, led by a coordinator.

This service plans networks, takes in the organisations that were accepted in
the call that feeds each of them, and invites their representatives to
meetings. It learns of calls, acceptances and staff accounts from the events
of the service that owns them, and asks nobody anything.
"""
