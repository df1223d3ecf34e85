"""The whole of Samband on one machine without Docker.

PostgreSQL, Kafka, a mailbox, the gateway and the three services run as
processes of their own, started and watched by `samband up`. Everything they
keep lies in one folder, `.samband/`. Tests start the same things through the
same code, so what they prove is what people run.
"""
