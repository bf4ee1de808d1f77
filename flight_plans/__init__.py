"""Flight lines over an area."""
