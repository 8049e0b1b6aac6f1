"""A message as plain text and as HTML, for e-mail."""

from html import escape

from alerts.delivery.messages import Message


def text(message: Message) -> str:
    """Write it for a reader without HTML."""
    lines = [f"{message.title}.", "", *(f"  {name:<14}{value}" for name, value in message.facts), "", message.note]
    lines += [message.where, "", f"  {message.look}"]
    lines += [f"  {message.link}"] if message.link else []
    return "\n".join(lines) + "\n"


def html(message: Message) -> str:
    """Write the same as HTML, without a style, a picture or a script."""
    title, link = escape(message.title), escape(message.link or "")
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>\n' for name, value in message.facts
    )
    linked = f'<p><a href="{link}">{link}</a></p>\n' if link else ""
    return (
        f'<!doctype html>\n<html lang="en-NZ"><meta charset="utf-8"><title>{title}</title>\n'
        f'<p><strong>{title}.</strong></p>\n<table cellpadding="4">\n{rows}</table>\n'
        f"<p>{escape(message.note)}</p>\n<p>{escape(message.where)}</p>\n"
        f"<pre>{escape(message.look)}</pre>\n{linked}</html>\n"
    )
