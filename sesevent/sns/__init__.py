"""What arrived? Pure: bytes in, values out.

:mod:`sesevent.sns.unwrap` peels what AWS's transports wrap around a SES event.
"""
