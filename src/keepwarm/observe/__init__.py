"""Listens to outcomes and decides nothing: counters, health, metrics."""
