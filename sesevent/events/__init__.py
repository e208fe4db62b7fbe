"""What does it say? SES's events as typed, frozen values. Pure: it knows no transport and no database.

One file per kind; :mod:`sesevent.events.parse` holds the one table from SES's word to its class;
:mod:`sesevent.events.identity` says what makes two deliveries of an event the same event.
"""
