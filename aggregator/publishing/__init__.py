"""What the center publishes: guides, calendars, timetables, leave rules (标准发布)."""
