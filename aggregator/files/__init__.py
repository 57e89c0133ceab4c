"""档案: scans that came up, pictures and hand-over files that go down."""
