"""What an access leaves in the windows and asks of them, once its facts and work reasons are known. Pure."""

from alerts.access_kinds import is_lookup, records_taken, searched
from alerts.case import Case
from alerts.circle import colleagues
from alerts.rules.dormant_record import DORMANT
from alerts.rules.proxy_lookup import ProxyLookupLimits
from alerts.rules.two_places import TwoPlacesLimits, asks_where
from enrichment.facts import Known
from enrichment.newzealand import nz_date
from enrichment.windows import Noted, Standing


def noted(case: Case, proxy: ProxyLookupLimits, places: TwoPlacesLimits) -> Noted:
    """Say what an access is to later ones, and what is asked for it."""
    access, client = case.access, case.facts.client
    unexplained = case.unexplained
    near = colleagues(access, case.facts, case.policy) if unexplained else ()
    return Noted(
        event_id=access.event_id,
        staff_id=access.staff_id,
        client_id=access.client_id,
        at=access.occurred_at,
        date=nz_date(access.occurred_at).toordinal(),
        standing=_standing(case),
        searched=searched(access),
        lookup=unexplained and is_lookup(access),
        dormant=unexplained and isinstance(client, Known) and client.value.status in DORMANT,
        records=records_taken(access),
        site=access.site,
        sites_back=places.back if asks_where(case) else None,
        colleagues=tuple(colleague.staff.value.staff_id for colleague in near),
        colleagues_back=proxy.back,
    )


def _standing(case: Case) -> Standing:
    if case.access.client_id is None:
        return "no_subject"
    return "explained" if case.work_reasons else "unexplained"
