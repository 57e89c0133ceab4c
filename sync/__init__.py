"""How records travel: logs, batches, receipts. Knows bytes and keys, not halls or cases."""
