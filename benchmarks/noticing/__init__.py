"""How well accesswatch notices: the simulated agency's days, judged, and held against what each access was for."""
