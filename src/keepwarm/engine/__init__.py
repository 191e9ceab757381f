"""The engine: answers the steps of the recipes, in async code and in threads."""
