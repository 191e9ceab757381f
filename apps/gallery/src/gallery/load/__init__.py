"""Simulated users: a load file, a player, and a judge of the answers."""
