"""Who acts, in which role, and where a second person is needed.

On the command line the acting person is ``ACCESSWATCH_ACTOR``. No command takes the name of a second person: each of
two signs in, or runs a command, for themselves, and the computer account of each is written beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

from enrichment.errors import UserError
from enrichment.plain_text import plain

Role = Literal["on_call", "investigator", "lead", "privacy", "er", "reporter", "auditor", "admin"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
#: Bytes of a file of roles at most.
_FILE_BYTES_MAX: Final = 1_048_576


class NotAllowed(UserError):  # noqa: N818 an answer, not a failure
    """The acting person may not do this."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts. ``roles`` is None where nobody has written down who has which: then the host decides who may."""

    staff_id: str
    #: The computer account, or the sign-in.
    account: str
    roles: frozenset[Role] | None = None
    #: Whether the staff id was named, rather than taken from the account.
    is_named: bool = True

    def may(self, *roles: Role) -> bool:
        """Return whether the person has one of these roles."""
        return self.roles is None or not self.roles.isdisjoint(roles)

    def require(self, *roles: Role) -> None:
        """Make sure that the person has one of these roles.

        Raises:
            NotAllowed: they have none.
        """
        if not self.may(*roles):
            raise NotAllowed(f"This needs the role {' or '.join(roles)}.")

    @property
    def role(self) -> str:
        """Return the roles as one word for the reading log."""
        return "-" if self.roles is None else "+".join(sorted(self.roles)) or "none"


def require_another(person: Person, first: str, what: str) -> None:
    """Make sure that somebody else than *first* acts now, and that it is known who.

    Raises:
        NotAllowed: it is the same person, or nobody has named themselves.
    """
    if not person.is_named:
        raise NotAllowed(f"{what} needs a second person, named by their staff id in ACCESSWATCH_ACTOR.")
    if person.staff_id == first:
        raise NotAllowed(f"{what} needs a second person: {plain(first)} cannot be both.")


def roles_of(staff_id: str, file: Path | None) -> frozenset[Role] | None:
    """Return the roles of a staff member by the file, or None where there is no file.

    Raises:
        UserError: the file is no such file.
    """
    if file is None:
        return None
    return _by_person(file).get(staff_id, frozenset())


def _by_person(file: Path) -> Mapping[str, frozenset[Role]]:
    try:
        with file.open("rb") as opened:
            content = opened.read(_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise UserError(f"The file of roles cannot be read ({error.strerror}).") from None
    if len(content) > _FILE_BYTES_MAX:
        raise UserError("The file of roles is larger than any is.")
    try:
        read: Any = yaml.safe_load(content)
    except yaml.YAMLError:
        raise UserError("The file of roles is no YAML.") from None
    found: dict[str, set[Role]] = {}
    if not isinstance(read, dict) or set(read) != {"roles"} or not isinstance(read["roles"], dict):
        raise UserError("The file of roles looks like: {roles: {lead: [S-1, S-2], privacy: [S-3]}}.")
    for role, people in read["roles"].items():
        if role not in ROLES:
            raise UserError(f"The file of roles names {plain(str(role))}, which is none of {', '.join(ROLES)}.")
        if not isinstance(people, list) or not all(isinstance(one, str) and one for one in people):
            raise UserError(f"The file of roles: {role} is a list of staff ids.")
        for one in people:
            found.setdefault(one, set()).add(role)
    return {one: frozenset(roles) for one, roles in found.items()}
