"""Who holds what of a dataset: asking, challenging, and spreading copies over providers."""
