"""The events that Samband's services and other systems exchange.

An event is one frozen Pydantic class per fact (`RegistrationAccepted`,
`MeetingScheduled` …). It travels as a CloudEvent in Kafka's binary mode:
`samband_contracts.topics` says where, `samband_contracts.kafka` how. The
package needs pydantic alone, so that a subscriber can install it by itself.
"""
