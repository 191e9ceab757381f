"""The rules of keepwarm: pure functions and recipes, no clock, loop, socket or dice."""
