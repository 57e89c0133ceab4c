"""U盘交换 at the center: by command and by page."""
