"""Sends to the staff member whom a message is for, and to nobody else."""

from alerts.notify.channels.base import Opened
from alerts.notify.channels.smtp.sender import SmtpSender
from alerts.notify.channels.staff_email.settings import StaffEmailChannel
from alerts.notify.message import Message


def to_staff(opened: Opened[StaffEmailChannel]) -> SmtpSender:
    """Return what sends each message to the address of whom it is for; without one it is refused."""

    def recipients(message: Message) -> list[str]:
        if message.to_address is not None:
            return [message.to_address]
        address = opened.channel.address_of(message.to_staff) if message.to_staff is not None else None
        return [] if address is None else [address]

    return SmtpSender(opened, recipients)
