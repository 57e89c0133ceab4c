"""对账: what differs between a hall and the center, record by record; what was put aside."""
