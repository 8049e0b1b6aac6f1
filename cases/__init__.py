"""What people work on: footprints, investigations, ER cases, questionnaires, evidence packs, reports.

Pure parts stand beside those that keep something: ``visits``, ``footprint``, ``suppression`` and ``disclosure_audit``
read no clock and open nothing. All that is kept stands in the alert store's database, and every row of it is bound
into a chain of entries (``record.py``), so that ``cases verify`` can prove that nothing was changed or removed.

To a client nothing is said but through ``footprint.py``, and no number leaves but through ``releases.py``.
"""
