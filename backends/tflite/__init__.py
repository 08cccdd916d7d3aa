"""What TFLite's own tools print and take: their logs, op tables, flags."""
