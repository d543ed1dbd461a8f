"""Prices and targets from CSV and Parquet files."""
