"""The forms in which footprints and reports leave: each a function of one model, none of which decides what is said."""
