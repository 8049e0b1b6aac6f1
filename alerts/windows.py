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
    access = case.access
    to_all = Noted(
        access.event_id,
        access.staff_id,
        access.client_id,
        access.occurred_at,
        nz_date(access.occurred_at).toordinal(),
        _standing(case),
        searched(access),
        records=records_taken(access),
        site=access.site,
        sites_back=places.back if asks_where(case) else None,
    )
    return _with_more(to_all, case, proxy) if case.unexplained else to_all


def _with_more(to_all: Noted, case: Case, proxy: ProxyLookupLimits) -> Noted:
    """Add what only an unexplained access leaves and asks."""
    access, client = case.access, case.facts.client
    near = colleagues(access, case.facts, case.policy)
    return to_all._replace(
        lookup=is_lookup(access),
        dormant=isinstance(client, Known) and client.value.status in DORMANT,
        colleagues=tuple(colleague.staff.value.staff_id for colleague in near),
        colleagues_back=proxy.back,
    )


def _standing(case: Case) -> Standing:
    if case.access.client_id is None:
        return "no_subject"
    return "explained" if case.work_reasons else "unexplained"
