"""Gallery's pictures: painted portraits, rendered sizes, accepted uploads."""
