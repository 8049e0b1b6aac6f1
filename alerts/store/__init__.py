"""The alert store: what lasts of alerts, their history, what has left, what has been told.

What it promises, and where a crash may fall:

1. *Once.* A hit is (alert, event, rule). Taking it again, in any batch, by any worker, changes nothing.
   A crash before the transaction commits leaves nothing; after it, everything: hits, content, history, outbox.
2. *In order.* The rows of one alert leave the outbox in the order of its revisions, with several relays too:
   claims are made one at a time, and none is given for an alert of which another relay holds a row. A claim ends
   with its lease, so a dead worker holds nobody up. A relay that was held up past its lease learns so when
   it marks its rows: the newest revision of those alerts then leaves once more, so that it is the last.
3. *At least once.* A crash between Kafka's acknowledgement and ``mark_published`` publishes the same revision
   again, with the same content. A crash between a channel's acceptance and ``record_sent`` tells it again,
   with the same ``Message-ID`` or ``Idempotency-Key``.
4. *Every change is a revision.* Raised, revised, reopened, acknowledged, closed: each has its history entry and its
   outbox row in the same transaction. What changes nothing that it says (assigned, noted, routed, purged) is an entry
   alone. History is only ever added to, and each entry is bound to the one before it: ``audit.py``.
5. *Whatever is read first.* Work and self reports that become known after an access mark the hits that the store has,
   and hits are looked at against them when they come. A mark of work stays when that work is deleted later: it
   says what became known in time. A self report that is deleted or changed covers what it covers now.

Times come in as arguments; nothing here reads a clock. Leases compare the times of different
workers: their clocks must agree within a second (NTP).
"""
