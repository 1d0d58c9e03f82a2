"""What every model call cost: entries that are never changed, and the reports over them."""
