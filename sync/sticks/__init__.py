"""The same batches through a folder or one file: U盘."""
